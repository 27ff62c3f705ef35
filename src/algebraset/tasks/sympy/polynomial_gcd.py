"""Greatest common divisor: two polynomials -> their greatest common divisor."""

from __future__ import annotations

import math
import random
from typing import Any

from sympy.polys.domains import ZZ
from sympy.polys.galoistools import gf_degree, gf_gcd, gf_trunc
from sympy.polys.groebnertools import groebner_gcd
from sympy.polys.rings import PolyElement

from algebraset.errors import Reject
from algebraset.samplers.sympy_polynomials import compute_max_coefficient
from algebraset.tasks.sympy._polynomials import cached_sampler, polynomial_of, ring_of, total_degree

# Images over ZZ and QQ are taken modulo this prime; a point is bad with a probability of about degree / prime.
PRIME = 2**31 - 1
MAX_IMAGES = 8


def generate(
    seed: int,
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
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
) -> tuple[list[PolyElement], PolyElement]:
    """Return ([f, g], d): f = a*h and g = b*h for random polynomials a, b, h, and d = gcd(f, g).

    Over ZZ, d includes the common integer factor and has a positive leading coefficient in the term order; over QQ
    and GF(p) it is monic.

    Args:
        seed: of the sample.
        symbols, field_str, order, max_num_terms, max_degree, min_degree, degree_sampling, term_sampling, max_coeff,
            num_bound, strictly_conditioned, nonzero_instance, max_attempts: of each of a, b and h, see
            `PolynomialSampler`; field_str is ZZ, QQ or GF(p).

    Raises:
        ValueError: a wrong parameter.
        Reject: f or g is zero.
    """
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
    if sampler.get_field().is_RR:
        raise ValueError(f"field_str = {field_str!r}: there is no gcd over RR; use ZZ, QQ or GF(p)")
    random.seed(seed)
    a, b, h = sampler.sample(3)
    if not (a and b and h):
        raise Reject("zero polynomial")
    # gcd(a*h, b*h) = gcd(a, b)*h, and the gcd of the small polynomials is several times faster.
    divisor = a.gcd(b) * h
    if sampler.get_field().is_Field:
        divisor = divisor.monic()
    elif divisor.LC < 0:
        divisor = -divisor
    return [a * h, b * h], divisor


def statistics(problem: list[PolyElement], answer: PolyElement) -> dict[str, dict[str, int | float]]:
    """Return sizes of the two polynomials and of their greatest common divisor."""
    return {
        "problem": {
            "max_degree": max(map(total_degree, problem)),
            "num_terms": sum(map(len, problem)),
            "max_coeff": max(map(compute_max_coefficient, problem)),
        },
        "answer": {
            "degree": total_degree(answer),
            "num_terms": len(answer),
            "max_coeff": compute_max_coefficient(answer),
        },
    }


def check(
    problem: list[Any],
    answer: Any,
    symbols: str | list[str] = "x, y",
    field_str: str = "ZZ",
    order: str = "grevlex",
) -> bool:
    """Return whether `answer` is the greatest common divisor of `problem`, normalized as `generate` says.

    It must divide both polynomials, and the cofactors must be coprime. For each variable x the other variables are
    set to numbers, over ZZ and QQ modulo a prime too: when an image keeps the leading coefficient in x of one cofactor
    and the images are coprime (Euclid's algorithm in one variable), no common divisor contains x. Over GF(p), where
    points are few, Groebner bases decide what is left.

    The polynomials are ring elements or their text; the other parameters are needed for text only, but for `order`,
    which is that of the ring of `problem` where it has one.

    Raises:
        ValueError: a text in `problem` is not a polynomial of the ring; in `answer` it makes the result False.
    """
    ring = ring_of(problem[0], symbols, field_str, order)
    f, g = (polynomial_of(poly, ring) for poly in problem)
    try:
        divisor = polynomial_of(answer, ring)
    except ValueError:
        return False
    if not divisor:
        return False
    domain = ring.domain
    if (domain.is_Field and domain.one != divisor.LC) or (domain.is_ZZ and divisor.LC < 0):
        return False
    (a, rest_f), (b, rest_g) = f.div(divisor), g.div(divisor)
    return not rest_f and not rest_g and _coprime(a, b)


def _coprime(a: PolyElement, b: PolyElement) -> bool:
    domain = a.ring.domain
    if domain.is_QQ:
        integers = a.ring.clone(domain=ZZ)
        a, b = (poly.clear_denoms()[1].set_ring(integers).primitive()[1] for poly in (a, b))
    elif domain.is_ZZ and math.gcd(int(a.content()), int(b.content())) != 1:
        return False
    if not (a and b):
        # One of the two polynomials is zero: the other is the greatest common divisor, and its cofactor a unit.
        return (a + b).is_ground
    if all(_free_of(a, b, variable) for variable in range(a.ring.ngens)):
        return True
    return bool(domain.is_FiniteField and groebner_gcd(a, b).is_ground)


def _free_of(a: PolyElement, b: PolyElement, variable: int) -> bool:
    """Return whether an image proves that no common divisor of a and b contains this variable."""
    degree = max(monomial[variable] for monomial in a)
    if not degree or not any(monomial[variable] for monomial in b):
        return True
    domain = a.ring.domain
    prime = int(domain.characteristic()) if domain.is_FiniteField else PRIME
    points = random.Random(variable)  # its own generator: a check must not disturb the global one
    for _ in range(MAX_IMAGES):
        point = [points.randrange(prime) for _ in range(a.ring.ngens)]
        image_a, image_b = (_image(poly, variable, point, prime) for poly in (a, b))
        if gf_degree(image_a) == degree and gf_degree(gf_gcd(image_a, image_b, prime, ZZ)) == 0:
            return True
    return False


def _image(poly: PolyElement, variable: int, point: list[int], prime: int) -> list[Any]:
    coefficients = [0] * (max(monomial[variable] for monomial in poly) + 1)
    for monomial, coefficient in poly.items():
        value = int(coefficient)
        for i, exponent in enumerate(monomial):
            if i != variable and exponent:
                value = value * pow(point[i], exponent, prime) % prime
        coefficients[-1 - monomial[variable]] += value
    return gf_trunc([ZZ(c) for c in coefficients], prime)
