"""The generators that use SymPy and calt-x's sampler; see `generators`."""

from __future__ import annotations

import random
from typing import Any

from benchmarks.peers import calt_sampler

_SAMPLER = calt_sampler("sympy")(symbols="x, y, z", field_str="ZZ", max_degree=4, max_num_terms=5)


def addition(seed: int) -> tuple[list[Any], Any]:
    """Return polynomials and their sum, with calt-x's own sampler: less than a millisecond."""
    random.seed(seed)
    polynomials = _SAMPLER.sample(num_samples=2)
    return polynomials, sum(polynomials[1:], polynomials[0])


def ten_additions(seed: int) -> tuple[list[Any], Any]:
    """Return twenty polynomials and their sum: four milliseconds and more."""
    random.seed(seed)
    polynomials = _SAMPLER.sample(num_samples=20)
    return polynomials, sum(polynomials[1:], polynomials[0])


def stragglers(seed: int) -> tuple[list[Any], Any]:
    """Return what `addition` returns; one sample in a hundred, by its seed, costs a hundred times as much."""
    for _ in range(99 if seed % 100 == 0 else 0):
        addition(seed)
    return addition(seed)
