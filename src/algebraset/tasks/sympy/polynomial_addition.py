"""Addition: a list of random polynomials -> the list of their partial sums."""

from __future__ import annotations

import random
from itertools import accumulate
from typing import Any

from sympy.polys.rings import PolyElement

from algebraset.samplers.monomials import randbelow
from algebraset.samplers.sympy_polynomials import compute_max_coefficient
from algebraset.tasks.sympy._polynomials import cached_sampler, number_range, ring_of, terms_of, total_degree

# Relative error allowed in a sum over RR: SymPy prints 15 digits, and every addition rounds.
REAL_TOLERANCE = 1e-12


def generate(
    seed: int,
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
    min_polynomials: int = 2,
    max_polynomials: int = 5,
    max_num_terms: int | None = 5,
    max_degree: int = 4,
    min_degree: int = 0,
    degree_sampling: str = "uniform",
    term_sampling: str = "uniform",
    max_coeff: int | float | None = None,
    num_bound: int | None = None,
    strictly_conditioned: bool = True,
    nonzero_instance: bool = True,
    max_attempts: int = 1000,
) -> tuple[list[PolyElement], list[PolyElement]]:
    """Return (polynomials, partial sums): n random polynomials and the n sums of the first 1, 2, ..., n.

    Args:
        seed: of the sample.
        min_polynomials: smallest n, at least 1; n is uniform in [min_polynomials, max_polynomials].
        max_polynomials: largest n.
        symbols, field_str, order, max_num_terms, max_degree, min_degree, degree_sampling, term_sampling, max_coeff,
            num_bound, strictly_conditioned, nonzero_instance, max_attempts: of each polynomial, see
            `PolynomialSampler`; field_str is ZZ, QQ, RR or GF(p).

    Raises:
        ValueError: a wrong parameter.
    """
    number_range("polynomials", min_polynomials, max_polynomials, 1)
    sampler = cached_sampler(
        symbols=symbols,
        field_str=field_str,
        order=order,
        max_num_terms=max_num_terms,
        max_degree=max_degree,
        min_degree=min_degree,
        degree_sampling=degree_sampling,
        term_sampling=term_sampling,
        max_coeff=max_coeff,
        num_bound=num_bound,
        strictly_conditioned=strictly_conditioned,
        nonzero_instance=nonzero_instance,
        max_attempts=max_attempts,
    )
    random.seed(seed)
    polynomials = sampler.sample(min_polynomials + randbelow(max_polynomials - min_polynomials + 1))
    return polynomials, list(accumulate(polynomials))


def statistics(problem: list[PolyElement], answer: list[PolyElement]) -> dict[str, dict[str, int | float]]:
    """Return sizes of the polynomials and of their sums."""
    return {
        "problem": {"num_polynomials": len(problem), **_sizes(problem)},
        "answer": _sizes(answer),
    }


def _sizes(polynomials: list[PolyElement]) -> dict[str, int | float]:
    return {
        "max_degree": max(map(total_degree, polynomials)),
        "num_terms": sum(map(len, polynomials)),
        "max_coeff": max(map(compute_max_coefficient, polynomials)),
    }


def check(
    problem: list[Any],
    answer: list[Any],
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
) -> bool:
    """Return whether `answer` has the partial sums of `problem`, added up again with Python's numbers, not SymPy's.

    Both are lists of ring elements or of their text; the other parameters are needed for text only. Over RR a sum
    may differ by `REAL_TOLERANCE` relative to what was added.

    Raises:
        ValueError: a text in `problem` is not a polynomial of the ring; in `answer` it makes the result False.
    """
    if not problem:
        return not answer
    ring = ring_of(problem[0], symbols, field_str, order)
    summands = [terms_of(poly, ring) for poly in problem]
    try:
        sums = [terms_of(poly, ring) for poly in answer]
    except ValueError:
        return False
    if len(sums) != len(summands):
        return False
    modulus = int(ring.domain.characteristic()) if ring.domain.is_FiniteField else 0
    total: dict[tuple[int, ...], Any] = {}
    magnitude: dict[tuple[int, ...], Any] = {}
    for summand, claimed in zip(summands, sums, strict=True):
        for monomial, coefficient in summand.items():
            total[monomial] = total.get(monomial, 0) + coefficient
            magnitude[monomial] = magnitude.get(monomial, 0) + abs(coefficient)
        if not claimed.keys() <= total.keys():
            return False
        for monomial, coefficient in total.items():
            error = coefficient - claimed.get(monomial, 0)
            if modulus:
                error %= modulus
            if error and not (ring.domain.is_RR and abs(error) <= REAL_TOLERANCE * magnitude[monomial]):
                return False
    return True
