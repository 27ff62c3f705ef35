"""Greatest common divisor: two polynomials -> their greatest common divisor."""

from __future__ import annotations

import random
from typing import Any

from algebraset.errors import Reject
from algebraset.samplers.sagemath_polynomials import RR, ZZ, compute_max_coefficient
from algebraset.tasks.sagemath._polynomials import (
    cached_sampler,
    degree_in,
    image,
    large_field,
    polynomial_of,
    primitive_integer_form,
    ring_of,
    total_degree,
)

# Images are taken over a field of about this many elements; a point is bad with a probability of about degree / size.
PRIME = 2**31 - 1
FIELD_SIZE = 2**20
MAX_IMAGES = 64


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
) -> tuple[list[Any], Any]:
    """Return ([f, g], d): f = a*h and g = b*h for random polynomials a, b, h, and d = gcd(f, g).

    Over ZZ, d includes the common integer factor and has a positive leading coefficient in the term order; over QQ
    and GF(p) it is monic. The SymPy task makes the same polynomials of the same seed.

    Args:
        seed: of the sample.
        symbols, field_str, order, max_num_terms, max_degree, min_degree, degree_sampling, term_sampling, max_coeff,
            num_bound, strictly_conditioned, nonzero_instance, max_attempts: of each of a, b and h, see
            `PolynomialSampler`; field_str is ZZ, QQ or GF(p). nonzero_instance also means nonzero_coeff.

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
    if sampler.get_field() is RR:
        raise ValueError(f"field_str = {field_str!r}: there is no gcd over RR; use ZZ, QQ or GF(p)")
    random.seed(seed)
    a, b, h = sampler.draw(3)
    if not (a and b and h):
        raise Reject("zero polynomial")
    # gcd(a*h, b*h) = gcd(a, b)*h, and the polynomials of the left side are larger.
    divisor = a.gcd(b) * h
    if sampler.get_field() is not ZZ:
        divisor /= divisor.lc()
    elif divisor.lc() < 0:
        divisor = -divisor
    return [a * h, b * h], divisor


def statistics(problem: list[Any], answer: Any) -> dict[str, dict[str, int | float]]:
    """Return sizes of the two polynomials and of their greatest common divisor."""
    return {
        "problem": {
            "max_degree": max(map(total_degree, problem)),
            "num_terms": sum(poly.number_of_terms() for poly in problem),
            "max_coeff": max(map(compute_max_coefficient, problem)),
        },
        "answer": {
            "degree": total_degree(answer),
            "num_terms": int(answer.number_of_terms()),
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
    set to elements of a finite field, over ZZ and QQ modulo a prime: when an image keeps the leading coefficient in
    x of one cofactor and the images are coprime (Euclid's algorithm in one variable), no common divisor contains x.
    Where no image shows this for any of many points, the answer is taken for wrong.

    The polynomials are elements of a ring or their text; the other parameters are needed for text only, but for
    `order`, which is that of the ring of `problem` where it has one.

    Raises:
        ValueError: a text in `problem` is not a polynomial of the ring; in `answer` it makes the result False.
    """
    ring = ring_of(problem[0], symbols, field_str, order)
    f, g = (polynomial_of(poly, ring) for poly in problem)
    try:
        divisor = polynomial_of(answer, ring)
    except ValueError:
        return False
    if not divisor or (divisor.lc() < 0 if ring.base_ring() is ZZ else divisor.lc() != 1):
        return False
    a, b = f // divisor, g // divisor
    return a * divisor == f and b * divisor == g and _coprime(a, b)


def _coprime(a: Any, b: Any) -> bool:
    if not a or not b:
        return False
    if a.base_ring() is ZZ:
        content = ZZ(0)
        for coefficient in (*a.coefficients(), *b.coefficients()):
            content = content.gcd(coefficient)
        if content != 1:
            return False
    a, b = primitive_integer_form(a), primitive_integer_form(b)
    return all(_free_of(a, b, variable) for variable in range(a.parent().ngens()))


def _free_of(a: Any, b: Any, variable: int) -> bool:
    """Return whether an image proves that no common divisor of a and b contains this variable."""
    degree = degree_in(a, variable)
    if not degree or not degree_in(b, variable):
        return True
    characteristic = int(a.parent().characteristic())
    field = large_field(characteristic, FIELD_SIZE) if characteristic else large_field(PRIME, PRIME)
    points = random.Random(variable)  # its own generator: a check must not disturb the global one
    for _ in range(MAX_IMAGES):
        point = [_element(field, points) for _ in range(a.parent().ngens())]
        image_a, image_b = (image(poly, variable, point, field) for poly in (a, b))
        if image_a.degree() == degree and image_a.gcd(image_b).degree() == 0:
            return True
    return False


def _element(field: Any, points: random.Random) -> Any:
    characteristic = int(field.characteristic())
    if field.degree() == 1:
        return field(points.randrange(characteristic))
    return field([points.randrange(characteristic) for _ in range(field.degree())])
