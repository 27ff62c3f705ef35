"""Harness: call both sides of a comparison in turn, in processes of their own, and keep every single value.

A *side* is a function of a benchmark module that is called in a fresh process with keyword arguments and returns what
the module compares, such as the seconds that count (so that imports can be left out). Peak memory is what the kernel
says of the process and its children, each alone: the largest counts. This module imports nothing large, since a
child's peak begins with that of the process it is started from.
"""

from __future__ import annotations

import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SAGE_PYTHON = Path(os.environ.get("SAGE_PYTHON", ROOT / ".venv-sage" / "bin" / "python"))
"""The Python with SageMath; where it is missing, what needs it is left out of the table."""

WORKERS = 2


@dataclass(frozen=True)
class Options:
    """How thorough a run is: the full one is for judging, the quick one shows that the harness works."""

    repeats: int = 5
    quick: bool = False

    def size(self, full: int, quick: int) -> int:
        """Return how many samples, batches, ... to take."""
        return quick if self.quick else full


@dataclass
class Result:
    """One line of the table: what was measured, and what is judged, once per repetition."""

    what: str
    judged: list[float]
    unit: str = "x"  # of the judged values; "x" for ratios
    at_least: float | None = None
    at_most: float | None = None
    sides: dict[str, list[float]] = field(default_factory=dict)  # what ratios were made of
    sides_unit: str = ""

    def met(self) -> bool | None:
        """Return whether the median reaches the goal, None where there is none."""
        value = statistics.median(self.judged)
        if self.at_least is not None:
            return value >= self.at_least
        return value <= self.at_most if self.at_most is not None else None

    def as_json(self) -> dict[str, Any]:
        """Return everything, with medians."""
        medians = {name: statistics.median(values) for name, values in self.sides.items()}
        return asdict(self) | {"median": statistics.median(self.judged), "sides_median": medians, "met": self.met()}


def compare(
    what: str, unit: str, sides: Mapping[str, list[float]], more_is_better: bool = False, **goal: Any
) -> Result:
    """Judge the cost of the second side over that of the first; with `more_is_better`, the first over the second."""
    first, second = sides.values()
    ratios = [a / b if more_is_better else b / a for a, b in zip(first, second, strict=True)]
    return Result(what, ratios, sides=dict(sides), sides_unit=unit, **goal)


def alternate(sides: Mapping[str, Callable[[], Any]], repeats: int) -> dict[str, list[Any]]:
    """Call all sides in turn, each time in the other order, so that drift meets all alike; return what they return."""
    values: dict[str, list[Any]] = {name: [] for name in sides}
    for repeat in range(repeats):
        for name in list(sides) if repeat % 2 == 0 else reversed(list(sides)):
            values[name].append(sides[name]())
    return values


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    wall: float  # seconds from start to end
    peak: float  # MB, the largest of the process and its children
    value: Any = None  # what the side returned


def run(
    module: str,
    side: str,
    python: Path | str = sys.executable,
    environment: Mapping[str, str | None] | None = None,
    **arguments: Any,
) -> Measured:
    """Call a function of a benchmark module in a fresh process.

    Raises:
        RuntimeError: it failed; the text is what it printed.
    """
    command = [str(python), "-m", "benchmarks.harness", module, side, json.dumps(arguments)]
    with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
        measured = execute(command, {"BENCHMARK_ANSWER": answer.name, **(environment or {})})
        return Measured(measured.wall, measured.peak, json.load(answer))


def execute(command: list[str], environment: Mapping[str, str | None] | None = None, cwd: Path = ROOT) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the text is what it printed.
    """
    # The same package, hashing and numbers on both sides. gmpy2 is for one topic only: envs/sympy.yaml has it not.
    # What Python compiles is kept, as it does by default: it is for packages that pip installed, the peers among them.
    variables: dict[str, str | None] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)]),
        "PYTHONHASHSEED": "0",
        "SYMPY_GROUND_TYPES": "flint",
        "MPMATH_NOGMPY": "1",
        "PYTHONDONTWRITEBYTECODE": None,
        **(environment or {}),
    }
    env = {name: value for name, value in variables.items() if value is not None}
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(command, cwd=cwd, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)[:300]}: exit status {process.returncode}\n{text[-3000:]}")
    return Measured(wall, usage.ru_maxrss / 1024)


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a new folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="algebraset-bench-") as folder:
        yield Path(folder)


def seconds(function: Callable[[], Any]) -> float:
    """Return how long one call takes."""
    begin = time.perf_counter()
    function()
    return time.perf_counter() - begin


def _main() -> None:
    """Be the process of one side: `python -m benchmarks.harness <module> <side> <arguments as JSON>`."""
    module, side, arguments = sys.argv[1:]
    value = getattr(importlib.import_module(f"benchmarks.{module}"), side)(**json.loads(arguments))
    Path(os.environ["BENCHMARK_ANSWER"]).write_text(json.dumps(value))


if __name__ == "__main__":
    _main()
