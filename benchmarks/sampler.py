"""Samplers: time per polynomial against calt-x's, with 3 variables, degree 4 and up to 5 terms."""

from __future__ import annotations

import functools
import gc
import random
from typing import Any

from benchmarks.harness import SAGE_PYTHON, Options, Result, alternate, compare, run, seconds
from benchmarks.peers import calt_folder, calt_sampler

FIELDS = ("ZZ", "QQ", "GF(7)", "RR")
GOALS = {"sympy": 15.0, "sagemath": 5.0}


def measure(options: Options) -> list[Result]:
    """Compare the time per polynomial for both backends."""
    results = []
    for backend, goal in GOALS.items():
        where: dict[str, Any] = {}
        if backend == "sagemath":
            if not SAGE_PYTHON.exists():
                continue
            where = {"python": SAGE_PYTHON, "environment": {"CALT_FOLDER": str(calt_folder())}}
        # Some tenths of a second a side: within less, the machine's speed is that of the moment.
        size = {"number": options.size(5000, 50), "repeats": options.repeats}
        times = run("sampler", "both", backend=backend, **size, **where).value
        for field, sides in times.items():
            results.append(compare(f"{backend}, {field}: calt-x's time over ours", "us", sides, at_least=goal))
    return results


def both(backend: str, number: int, repeats: int) -> dict[str, dict[str, list[float]]]:
    """Return the microseconds per polynomial, for each field."""
    from algebraset.backends import load_backend

    load_backend(backend)  # SageMath must be loaded in order
    if backend == "sympy":
        from algebraset.sympy import PolynomialSampler
    else:
        from algebraset.sagemath import PolynomialSampler

    times = {}
    for field in FIELDS:
        sides = {}
        # Ours is called ten times, so that both take long enough for the clock. Both hold equally many polynomials at a
        # time, since Python looks through what is held for garbage.
        for name, kind, calls in (("algebraset", PolynomialSampler, 10), ("calt-x", calt_sampler(backend), 1)):
            sampler = kind(symbols="x,y,z", field_str=field, max_degree=4, max_num_terms=5)
            sampler.sample(num_samples=10)
            sides[name] = functools.partial(_microseconds, sampler, number, calls)
        random.seed(1)
        times[field] = alternate(sides, repeats)
    return times


def _microseconds(sampler: Any, number: int, calls: int) -> float:
    """Return the time per polynomial; it has nothing of the garbage that the other side left."""

    def sample() -> None:
        for _ in range(calls):
            sampler.sample(num_samples=number)

    gc.collect()
    return 1e6 * seconds(sample) / (calls * number)
