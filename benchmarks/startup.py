"""Start-up: how long a generate job takes to its first sample, and the command line to its help."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks import jobs
from benchmarks.harness import SAGE_PYTHON, Options, Result, alternate, compare, execute, scratch

TASK = "polynomial_addition"
GOALS = {"sympy": 0.6, "sagemath": 1.6}
IMPORT = {"sympy": "import sympy", "sagemath": "import sage.rings.polynomial.multi_polynomial_libsingular"}


def measure(options: Options) -> list[Result]:
    """Return seconds, beside those of what cannot be avoided."""
    help_, nothing = [sys.executable, "-m", "algebraset", "--help"], [sys.executable, "-c", "pass"]
    # As people call it: it starts itself again with fixed hashing.
    usual = {"PYTHONHASHSEED": None}
    results = _beside("python -m algebraset --help", help_, "python -c pass", nothing, 0.15, options, usual)
    for backend, goal in GOALS.items():
        python = Path(sys.executable) if backend == "sympy" else SAGE_PYTHON
        if python.exists():
            with scratch() as folder:
                job, other = first_sample(folder, python, backend), [str(python), "-c", IMPORT[backend]]
                what = f"generate job to its first sample, {backend}"
                results += _beside(what, job, IMPORT[backend], other, goal, options)
    return results


def _beside(
    what: str, ours: list[str], name: str, other: list[str], goal: float, options: Options, environment: Any = None
) -> list[Result]:
    for command in (ours, other):
        execute(command)  # compiles what is not compiled yet, and fills the file cache
    sides = {"algebraset": lambda: execute(ours, environment).wall, name: lambda: execute(other, environment).wall}
    times = alternate(sides, options.repeats)
    ratio = compare(f"{what}, over `{name}`", "s", {name: times[name], "algebraset": times["algebraset"]})
    return [Result(what, times["algebraset"], unit="s", at_most=goal), ratio]


def first_sample(folder: Path, python: Path, backend: str) -> list[str]:
    """Return the command of a generate job of a ready task that ends when its first sample is there."""
    # What a ready task imports is imported before it is called. The dataset's first job makes samples too, and must not
    # end so: the source is changed behind its back.
    generator = folder / "generator.py"
    generator.write_text(
        f"import os\n\nfrom algebraset.tasks.{backend}.{TASK} import generate as task\n\n"
        "ENDS = False\n\n\ndef generate(seed):\n    result = task(seed)\n    if ENDS:\n        os._exit(0)\n"
        "    return result\n"
    )
    data = folder / "data"
    jobs.prepare(data, python, generator=f"{generator}:generate", backend=backend, splits={"train": 1000})
    generator.write_text(generator.read_text().replace("ENDS = False", "ENDS = True"))
    return jobs.generate(data, 1000, "--n-jobs=1", python=python)
