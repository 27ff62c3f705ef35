"""Samplers: seconds per polynomial against calt-x's, at 3 variables, degree 4 and up to 5 terms."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.harness import SAGE_PYTHON, Options, Result, alternate, best_of, run
from benchmarks.peers import calt_folder, calt_sagemath_sampler, calt_sympy_sampler

FIELDS = ("ZZ", "QQ", "GF(7)")
GOALS = {"sympy": 15.0, "sagemath": 5.0}


def measure(options: Options) -> list[Result]:
    """Return goal 3 of the throughput for both backends."""
    results = []
    for backend, goal in GOALS.items():
        if backend == "sagemath" and not SAGE_PYTHON.exists():
            continue
        where: dict[str, Any] = {}
        if backend == "sagemath":
            where = {"python": SAGE_PYTHON, "environment": {"CALT_FOLDER": str(calt_folder())}}
        for field in FIELDS:
            number = options.size(2000, 50)
            arguments = {"backend": backend, "field": field, "number": number, **where}
            pairs = alternate(
                lambda a=arguments: 1e6 * run("sampler", "ours", **a).value,
                lambda a=arguments: 1e6 * run("sampler", "theirs", **a).value,
                options.repeats,
            )
            results.append(
                Result(
                    topic="sampler",
                    what=f"{backend}, {field}: time per polynomial, calt-x's over ours",
                    judged=[theirs / ours for ours, theirs in pairs],
                    at_least=goal,
                    sides={"algebraset": [a for a, _ in pairs], "calt-x": [b for _, b in pairs]},
                    sides_unit="us",
                )
            )
    return results


def ours(backend: str, field: str, number: int) -> float:
    """Return the seconds per polynomial of algebraset's sampler."""
    if backend == "sympy":
        from algebraset.sympy import PolynomialSampler
    else:
        from algebraset.backends import load_backend

        load_backend("sagemath")
        from algebraset.sagemath import PolynomialSampler
    return _time(PolynomialSampler, field, 10 * number)


def theirs(backend: str, field: str, number: int) -> float:
    """Return the seconds per polynomial of calt-x's sampler."""
    if backend == "sympy":
        return _time(calt_sympy_sampler(), field, number)
    from algebraset.backends import load_backend

    load_backend("sagemath")
    return _time(calt_sagemath_sampler(), field, number)


def _time(sampler_class: type, field: str, number: int) -> float:
    sampler = sampler_class(symbols="x,y,z", field_str=field, max_degree=4, max_num_terms=5)
    random.seed(1)
    sampler.sample(num_samples=10)
    return best_of(lambda: sampler.sample(num_samples=number), 1) / number
