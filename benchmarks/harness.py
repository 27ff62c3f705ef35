"""Harness: run both sides of a comparison in processes of their own, in turn, and say how far the ratios spread.

A *side* is a function of a benchmark module, called in a fresh process with keyword arguments; it returns the seconds
that count (so that imports can be left out), or a dictionary with whatever the module compares. Peak memory is what
the kernel says of the process and its children, each alone (the largest counts). This module imports nothing large:
a child's peak starts from that of the process it is forked from.
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
SOURCE = ROOT / "src"
SAGE_PYTHON = Path(os.environ.get("SAGE_PYTHON", ROOT / ".venv-sage" / "bin" / "python"))
"""The Python with SageMath; where it is missing, what needs it is left out of the table."""


@dataclass(frozen=True)
class Options:
    """How thorough a run is: the full one is for judging, the quick one shows that the harness works."""

    repeats: int = 5
    quick: bool = False
    seconds: float = 120.0  # how long the dataset of the workflow benchmark runs

    def size(self, full: int, quick: int) -> int:
        """Return how many samples, batches, ... to take."""
        return quick if self.quick else full


@dataclass
class Result:
    """One line of the table: what was measured, and what is judged, once per repetition."""

    topic: str
    what: str
    judged: list[float]
    unit: str = "x"  # "x" for ratios, else of the judged values
    at_least: float | None = None
    at_most: float | None = None
    sides: dict[str, list[float]] = field(default_factory=dict)  # what the ratios were made of
    sides_unit: str = ""
    note: str = ""

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


@dataclass(frozen=True)
class Measured:
    """What one process took."""

    wall: float  # seconds from start to end
    peak: float  # MB, the largest of the process and its children
    value: Any  # what the side returned


def run(module: str, side: str, python: Path | str = sys.executable, environment: Mapping[str, str] | None = None, **arguments: Any) -> Measured:
    """Call a function of a benchmark module in a fresh process.

    Raises:
        RuntimeError: it failed; the text is what it printed.
    """
    command = [str(python), "-m", "benchmarks.harness", module, side, json.dumps(arguments)]
    with tempfile.NamedTemporaryFile("r", suffix=".json") as answer:
        measured = execute(command, {"BENCHMARK_ANSWER": answer.name, **(environment or {})})
        return Measured(measured.wall, measured.peak, json.load(answer))


def execute(command: list[str], environment: Mapping[str, str] | None = None, cwd: Path = ROOT) -> Measured:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the text is what it printed.
    """
    with tempfile.TemporaryFile() as output:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command, cwd=cwd, env=child_environment(environment), stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            output.seek(0)
            text = output.read().decode(errors="replace")
            raise RuntimeError(f"{' '.join(command)[:300]}: exit status {process.returncode}\n{text[-3000:]}")
    return Measured(wall, usage.ru_maxrss / 1024, None)


def child_environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of every process measured: the same package, hashing and ground types on both sides."""
    path = os.pathsep.join([str(SOURCE), str(ROOT)])
    fixed = {"PYTHONPATH": path, "PYTHONHASHSEED": "0", "SYMPY_GROUND_TYPES": "flint", "PYTHONDONTWRITEBYTECODE": ""}
    return {**os.environ, **fixed, **(more or {})}


def alternate(first: Callable[[], Any], second: Callable[[], Any], repeats: int) -> list[tuple[Any, Any]]:
    """Call both in turn, each pair in the other order than the one before, so that drift meets both alike."""
    pairs = []
    for repeat in range(repeats):
        if repeat % 2 == 0:
            a = first()
            b = second()
        else:
            b = second()
            a = first()
        pairs.append((a, b))
    return pairs


@contextmanager
def scratch() -> Iterator[Path]:
    """Give a new folder, which is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="algebraset-bench-") as folder:
        yield Path(folder)


def best_of(function: Callable[[], Any], number: int, repeats: int = 5) -> float:
    """Return the seconds of one call: the fastest of several runs of `number` calls, as `timeit` recommends."""
    best = float("inf")
    for _ in range(repeats):
        begin = time.perf_counter()
        for _ in range(number):
            function()
        best = min(best, time.perf_counter() - begin)
    return best / number


def python_versions() -> dict[str, str]:
    """Return the versions of everything that takes part."""
    from importlib import metadata

    found = {"python": sys.version.split()[0]}
    for name in ("algebraset", "calt-x", "sympy", "python-flint", "gmpy2", "snakemake", "joblib", "pebble", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, system and how busy the machine is."""
    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0] if names else cpu
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(memory, 1),
        "system": f"{os.uname().sysname} {os.uname().release}",
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def _main() -> None:
    """Be the process of one side: `python -m benchmarks.harness <module> <side> <arguments as JSON>`."""
    module, side, arguments = sys.argv[1:]
    value = getattr(importlib.import_module(f"benchmarks.{module}"), side)(**json.loads(arguments))
    Path(os.environ["BENCHMARK_ANSWER"]).write_text(json.dumps(value))


if __name__ == "__main__":
    _main()
