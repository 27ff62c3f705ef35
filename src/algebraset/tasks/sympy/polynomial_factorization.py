"""Factorization: an expanded polynomial -> the list of its irreducible factors."""

from __future__ import annotations

import random
from functools import reduce
from operator import mul
from typing import Any

from sympy.polys.rings import PolyElement, PolyRing

from algebraset.backends.sympy import leaf_to_text
from algebraset.errors import Reject
from algebraset.samplers.monomials import randbelow
from algebraset.samplers.sympy_polynomials import PolynomialSampler, compute_max_coefficient
from algebraset.tasks.sympy._irreducibility import is_irreducible
from algebraset.tasks.sympy._polynomials import cached_sampler, number_range, polynomial_of, ring_of, total_degree


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
) -> tuple[PolyElement, list[PolyElement]]:
    """Return (polynomial, factors): a product of random polynomials, expanded, and its irreducible factors.

    The factors are repeated by multiplicity and sorted by total degree, number of terms, text. Over ZZ and QQ they
    have coprime integer coefficients and a positive leading coefficient in the term order, over GF(p) they are monic.
    A constant that makes the product right stands first, unless it is 1 (over ZZ it is not factored further).

    Args:
        seed: of the sample.
        min_factors: smallest number of random polynomials to multiply, at least 1; the number is uniform in
            [min_factors, max_factors]. Random polynomials can be reducible: there may be more factors.
        max_factors: largest number of them.
        symbols, field_str, order, max_num_terms, max_degree, min_degree, degree_sampling, term_sampling, max_coeff,
            num_bound, strictly_conditioned, nonzero_instance, max_attempts: of each random polynomial, see
            `PolynomialSampler`; field_str is ZZ, QQ, or with one variable GF(p).

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
    polynomials = sampler.sample(min_factors + randbelow(max_factors - min_factors + 1))
    problem = reduce(mul, polynomials)
    if problem.is_ground:
        raise Reject("constant product")
    # Factorization is unique, so the factors of the product are those of what was multiplied, and factoring these
    # small polynomials is several times faster than factoring the product.
    factors = []
    for poly in polynomials:
        for factor, multiplicity in poly.factor_list()[1]:
            factors += [_normal_form(factor)] * multiplicity
    factors.sort(key=lambda factor: (total_degree(factor), len(factor), leaf_to_text(factor)))
    domain = problem.ring.domain
    constant = domain.exquo(problem.LC, reduce(mul, (factor.LC for factor in factors)))
    if constant != domain.one:
        factors.insert(0, problem.ring.ground_new(constant))
    return problem, factors


def _require_factorable(sampler: PolynomialSampler, field_str: str) -> None:
    ring = sampler.get_ring()
    if ring.domain.is_RR:
        raise ValueError(f"field_str = {field_str!r}: polynomials over RR are not factored; use ZZ, QQ or GF(p)")
    if ring.domain.is_FiniteField and ring.ngens > 1:
        raise ValueError(f"field_str = {field_str!r}: SymPy factors over GF(p) in one variable only")


def _normal_form(factor: PolyElement) -> PolyElement:
    domain = factor.ring.domain
    if domain.is_FiniteField:
        return factor.monic()
    if domain.is_QQ:
        factor = factor.clear_denoms()[1]
        factor = factor.quo_ground(domain(factor.set_ring(_integer_ring(factor.ring)).content()))
    return -factor if factor.LC < 0 else factor


def _integer_ring(ring: PolyRing) -> PolyRing:
    return ring.clone(domain=ring.domain.get_ring())


def statistics(problem: PolyElement, answer: list[PolyElement]) -> dict[str, dict[str, int | float]]:
    """Return sizes of the polynomial and of its factors; a constant is not counted as a factor."""
    factors = [factor for factor in answer if not factor.is_ground]
    return {
        "problem": {
            "degree": total_degree(problem),
            "num_terms": len(problem),
            "max_coeff": compute_max_coefficient(problem),
        },
        "answer": {
            "num_factors": len(factors),
            "num_distinct_factors": len({leaf_to_text(factor) for factor in factors}),
            "max_degree": max(map(total_degree, factors)),
            "num_terms": sum(map(len, factors)),
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

    `problem` and the members of `answer` are ring elements or their text; the other parameters are needed for text
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
    if not (poly and factors) or reduce(mul, factors) != poly:
        return False
    if factors[0].is_ground:
        if factors[0] == 1:
            return False
        factors = factors[1:]
    return all(is_irreducible(_over_integers(factor)) for factor in _distinct(factors))


def _distinct(factors: list[PolyElement]) -> list[PolyElement]:
    return list({leaf_to_text(factor): factor for factor in factors}.values())


def _over_integers(factor: PolyElement) -> PolyElement:
    """Return a polynomial over QQ as a primitive one over ZZ, others as they are."""
    if not factor.ring.domain.is_QQ:
        return factor
    return factor.clear_denoms()[1].set_ring(_integer_ring(factor.ring)).primitive()[1]
