"""The generators that use SymPy; see `generators`."""

from __future__ import annotations

import functools
import random
from typing import Any

import sympy

from algebraset.tasks.sympy import polynomial_factorization


def addition(seed: int) -> tuple[list[Any], Any]:
    """Return polynomials and their sum, with calt-x's own sampler: less than a millisecond."""
    random.seed(seed)
    polynomials = _sampler().sample(num_samples=2)
    return polynomials, sum(polynomials[1:], polynomials[0])


def ten_additions(seed: int) -> tuple[list[Any], Any]:
    """Return twenty polynomials and their sum: four milliseconds and more."""
    random.seed(seed)
    polynomials = _sampler().sample(num_samples=20)
    return polynomials, sum(polynomials[1:], polynomials[0])


def factorization(seed: int) -> tuple[Any, Any]:
    """Return a polynomial and its factors, as the ready task does: about a millisecond."""
    return polynomial_factorization.generate(seed)


def stragglers(seed: int) -> tuple[list[Any], Any]:
    """Return what `addition` returns; one sample in a hundred, by its seed, costs a hundred times as much."""
    for _ in range(99 if seed % 100 == 0 else 0):
        addition(seed)
    return addition(seed)


def expressions(seed: int) -> tuple[str, str]:
    """Return an expanded product of SymPy expressions, which fill SymPy's cache, unlike elements of rings."""
    rng = random.Random(seed)
    x, y = sympy.symbols("x y")
    product = (rng.randint(1, 10**9) * x + rng.randint(1, 10**9)) * (rng.randint(1, 10**9) * y + 1) ** 2
    return str(product), str(sympy.expand(product))


@functools.cache
def _sampler() -> Any:
    from benchmarks.peers import calt_sampler

    return calt_sampler("sympy")(symbols="x, y, z", field_str="ZZ", max_degree=4, max_num_terms=5)
