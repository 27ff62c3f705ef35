"""The generators of the benchmarks. Both sides of a comparison call the same function.

Those that use SymPy are in `sympy_generators`, those that use calt-x's sampler too in `calt_generators`: modules that
import these first of all, as a user's would.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable
from typing import Any

MODULES = {
    "sums": "generators",
    "long_texts": "generators",
    "factorization": "sympy_generators",
    "expressions": "sympy_generators",
    "addition": "calt_generators",
    "ten_additions": "calt_generators",
    "stragglers": "calt_generators",
}


def path(name: str) -> str:
    """Return what a config calls a generator."""
    return f"benchmarks.{MODULES[name]}:{name}"


def named(name: str) -> Callable[[int], Any]:
    """Return that generator."""
    module, _, function = path(name).partition(":")
    return getattr(importlib.import_module(module), function)


def sums(seed: int) -> tuple[list[int], int]:
    """Return five integers and their sum: some ten microseconds, so that what surrounds it costs about as much."""
    random.seed(seed)
    numbers = [random.randint(1, 1000) for _ in range(5)]
    return numbers, sum(numbers)


def long_texts(seed: int) -> tuple[str, str]:
    """Return 100 kB of text, for benchmarks of what happens to bytes."""
    return f"{seed:0100000d}", "0"


def statistics(problem: Any, answer: Any) -> dict[str, dict[str, int]]:
    """Return two numbers of each sample, of any of these generators."""
    return {"problem": {"parts": len(problem)}, "answer": {"size": answer if type(answer) is int else len(answer)}}
