"""The generators of the benchmarks. Both sides of a comparison call the same function."""

from __future__ import annotations

import functools
import random
from typing import Any


def sums(seed: int) -> tuple[list[int], int]:
    """Return five integers and their sum: some 12 microseconds, so the cost is all in what surrounds it."""
    random.seed(seed)
    numbers = [random.randint(1, 1000) for _ in range(5)]
    return numbers, sum(numbers)


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
    from algebraset.tasks.sympy import polynomial_factorization

    return polynomial_factorization.generate(seed)


def stragglers(seed: int) -> tuple[list[Any], Any]:
    """Return what `addition` returns; one sample in a hundred, by its seed, costs a hundred times as much."""
    for _ in range(99 if seed % 100 == 0 else 0):
        addition(seed)
    return addition(seed)


def expressions(seed: int) -> tuple[str, str]:
    """Return an expanded product of SymPy expressions, which fill SymPy's cache, unlike elements of rings."""
    import sympy

    rng = random.Random(seed)
    x, y = sympy.symbols("x y")
    product = (rng.randint(1, 10**9) * x + rng.randint(1, 10**9)) * (rng.randint(1, 10**9) * y + 1) ** 2
    return str(product), str(sympy.expand(product))


def long_texts(seed: int) -> tuple[str, str]:
    """Return 100 kB of text, for benchmarks of what happens to bytes."""
    return f"{seed:0100000d}", "0"


def statistics(problem: Any, answer: Any) -> dict[str, dict[str, int]]:
    """Return two numbers of each sample, of any of these generators."""
    return {"problem": {"parts": len(problem)}, "answer": {"size": answer if type(answer) is int else len(answer)}}


@functools.cache
def _sampler() -> Any:
    from benchmarks.peers import calt_sampler

    return calt_sampler("sympy")(symbols="x, y, z", field_str="ZZ", max_degree=4, max_num_terms=5)
