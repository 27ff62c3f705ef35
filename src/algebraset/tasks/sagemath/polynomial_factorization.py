"""Factorization: an expanded polynomial -> the list of its irreducible factors."""

from __future__ import annotations

import random
from functools import lru_cache, reduce
from operator import mul
from typing import Any

from algebraset.errors import Reject
from algebraset.samplers.monomials import randbelow
from algebraset.samplers.sagemath_polynomials import QQ, RR, ZZ, PolynomialSampler, compute_max_coefficient
from algebraset.tasks.sagemath._irreducibility import is_irreducible
from algebraset.tasks.sagemath._polynomials import (
    cached_sampler,
    normal_form,
    number_range,
    polynomial_of,
    primitive_integer_form,
    ring_of,
    total_degree,
)

# Singular factors polynomials in several variables over GF(p) for p up to here.
MAX_CHARACTERISTIC = 2**29


def generate(
    seed: int,
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
    min_factors: int = 2,
    max_factors: int = 3,
    max_num_terms: int | None = 4,
    max_degree: int = 2,
    min_degree: int = 1,
    degree_sampling: str = "uniform",
    term_sampling: str = "uniform",
    max_coeff: int | None = 5,
    num_bound: int | None = 5,
    strictly_conditioned: bool = True,
    nonzero_instance: bool = True,
    max_attempts: int = 1000,
) -> tuple[Any, list[Any]]:
    """Return (polynomial, factors): a product of random polynomials, expanded, and its irreducible factors.

    The factors are repeated by multiplicity and sorted by total degree, number of terms, text. Over ZZ and QQ they
    have coprime integer coefficients and a positive leading coefficient in the term order, over GF(p) they are monic.
    A constant that makes the product right stands first, unless it is 1 (over ZZ it is not factored further).
    The SymPy task makes the same polynomials of the same seed.

    Args:
        seed: of the sample.
        min_factors: smallest number of random polynomials to multiply, at least 1; the number is uniform in
            [min_factors, max_factors]. Random polynomials can be reducible: there may be more factors.
        max_factors: largest number of them.
        symbols, field_str, order, max_num_terms, max_degree, min_degree, degree_sampling, term_sampling, max_coeff,
            num_bound, strictly_conditioned, nonzero_instance, max_attempts: of each random polynomial, see
            `PolynomialSampler`; field_str is ZZ, QQ or GF(p), with several variables p < 2^29. nonzero_instance
            also means nonzero_coeff.

    Raises:
        ValueError: a wrong parameter.
        Reject: the product is a constant.
    """
    number_range("factors", min_factors, max_factors, 1)
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
    _require_factorable(sampler, field_str)
    random.seed(seed)
    polynomials = sampler.draw(min_factors + randbelow(max_factors - min_factors + 1))
    problem = reduce(mul, polynomials)
    if problem.is_constant():
        raise Reject("constant product")
    # Factorization is unique, so the factors of the product are those of what was multiplied, and these are smaller.
    # Over ZZ, SageMath factors the integer content too, which takes longer than factoring over QQ.
    ring = problem.parent()
    factoring_ring = _rational_ring(ring) if ring.base_ring() is ZZ else ring
    factors = []
    for poly in polynomials:
        for factor, multiplicity in factoring_ring(poly).factor():
            factors += [ring(normal_form(factor))] * multiplicity
    factors.sort(key=lambda factor: (total_degree(factor), factor.number_of_terms(), str(factor)))
    constant = problem.lc() / reduce(mul, (factor.lc() for factor in factors))
    if constant != 1:
        factors.insert(0, ring(constant))
    return problem, factors


@lru_cache(maxsize=64)
def _rational_ring(ring: Any) -> Any:
    return ring.change_ring(QQ)


def _require_factorable(sampler: PolynomialSampler, field_str: str) -> None:
    ring = sampler.get_ring()
    if ring.base_ring() is RR:
        raise ValueError(f"field_str = {field_str!r}: polynomials over RR are not factored; use ZZ, QQ or GF(p)")
    if ring.ngens() > 1 and ring.characteristic() >= MAX_CHARACTERISTIC:
        raise ValueError(f"field_str = {field_str!r}: SageMath factors in several variables for p < 2^29 only")


def statistics(problem: Any, answer: list[Any]) -> dict[str, dict[str, int | float]]:
    """Return sizes of the polynomial and of its factors; a constant is not counted as a factor."""
    factors = [factor for factor in answer if not factor.is_constant()]
    return {
        "problem": {
            "degree": total_degree(problem),
            "num_terms": int(problem.number_of_terms()),
            "max_coeff": compute_max_coefficient(problem),
        },
        "answer": {
            "num_factors": len(factors),
            "num_distinct_factors": len(set(factors)),
            "max_degree": max(map(total_degree, factors)),
            "num_terms": sum(factor.number_of_terms() for factor in factors),
            "max_coeff": max(map(compute_max_coefficient, answer)),
        },
    }


def check(
    problem: Any,
    answer: list[Any],
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
) -> bool:
    """Return whether `answer` is a factorization of `problem` into irreducible factors, proved without factoring.

    The factors must multiply back to the problem, only the first may be a constant (and is not 1), and each other
    is proved irreducible by `is_irreducible`. Their order, and units moved between them, are not looked at.

    `problem` and the members of `answer` are polynomials or their text; the other parameters are needed for text
    only.

    Raises:
        ValueError: the text of `problem` is not a polynomial of the ring; in `answer` it makes the result False.
    """
    ring = ring_of(problem, symbols, field_str, order)
    poly = polynomial_of(problem, ring)
    try:
        factors = [polynomial_of(factor, ring) for factor in answer]
    except ValueError:
        return False
    if not factors or reduce(mul, factors) != poly:
        return False
    if factors[0].is_constant():
        if factors[0] == 1:
            return False
        factors = factors[1:]
    return all(is_irreducible(primitive_integer_form(factor)) for factor in dict.fromkeys(factors))
