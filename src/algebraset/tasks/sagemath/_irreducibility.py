"""Proof that a polynomial is irreducible, by another way than factoring it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice, product
from typing import Any

from algebraset.samplers.sagemath_polynomials import GF, ZZ
from algebraset.tasks.sagemath._polynomials import degree_in, exponents_of, from_terms, image, large_field

# Over ZZ: values of the other variables and primes, taken together in turn (their numbers have no common factor).
POINTS = (1, -1, 2, -2, 3, -3, 5, -5)
PRIMES = (11, 13, 17, 19, 23, 29, 31, 37, 41)
MAX_IMAGES = 64
# Over GF(p) the points come from GF(p) first, then from an extension with so many elements.
EXTENSION_SIZE = 64
MAX_POINTS = 16


def is_irreducible(poly: Any) -> bool:
    """Return whether a polynomial over ZZ or GF(p) is irreducible; constants are not, nor 2*x + 4 over ZZ.

    Take f as a polynomial in the variable x of least degree d, with coefficients in the other variables. Unless these
    have a common factor, every proper factor of f has a degree in x strictly between 0 and d. Setting the other
    variables to numbers and reducing modulo a prime, both without losing the leading coefficient, keeps these
    degrees, so that each image leaves only the sums of the degrees of its own factors as possible; when none is left,
    f is irreducible (D. R. Musser, "On the efficiency of a polynomial irreducibility test", J. ACM 25, 1978). What
    no image decides, reducible polynomials and a few as x^4 + 1, is translated and factored.
    """
    if not poly:
        return False
    ring = poly.parent()
    finite = ring.base_ring().is_finite()
    if not finite and _content(poly) != 1:
        return False
    degrees = [degree_in(poly, i) for i in range(ring.ngens())]
    present = [i for i, degree in enumerate(degrees) if degree]
    if not present:
        return False
    main = min(present, key=degrees.__getitem__)
    others = [i for i in present if i != main]
    if others and not _coefficients_are_coprime(poly, main):
        return False
    if degrees[main] == 1:
        return True

    possible = set(range(1, degrees[main]))
    for field, point in _images(ring, others):
        factor_degrees = _factor_degrees(image(poly, main, point, field))
        if sum(factor_degrees) < degrees[main]:
            continue
        sums = {0}
        for degree in factor_degrees:
            sums |= {s + degree for s in sums}
        possible &= sums
        if not possible:
            return True
    translated = poly(*(gen + i + 1 for i, gen in enumerate(ring.gens())))
    return sum(multiplicity for _, multiplicity in translated.factor()) == 1


def _content(poly: Any) -> Any:
    content = ZZ(0)
    for coefficient in poly.coefficients():
        content = content.gcd(coefficient)
    return content


def _images(ring: Any, others: list[int]) -> Iterator[tuple[Any, list[Any]]]:
    """Yield a finite field and an element of it for each variable (those not in `others` stay zero)."""
    characteristic = int(ring.characteristic())
    if characteristic:
        fields = [ring.base_ring()]
        if others:
            fields.append(large_field(characteristic, EXTENSION_SIZE))
        values = (
            (field, point) for field in fields for point in islice(product(field, repeat=len(others)), MAX_IMAGES)
        )
    else:
        points = cycle(product(POINTS, repeat=len(others)))
        pairs = islice(zip(PRIMES * MAX_IMAGES, points), MAX_IMAGES if others else len(PRIMES))  # noqa: B905
        values = ((GF(prime), point) for prime, point in pairs)
    for field, numbers in values:
        point = [field.zero()] * ring.ngens()
        for i, number in zip(others, numbers, strict=True):
            point[i] = field(number)
        yield field, point


def _factor_degrees(poly: Any) -> list[int]:
    """Return the degrees of the irreducible factors of a univariate polynomial; [] if it has repeated factors."""
    if poly.degree() < 1 or not poly.is_squarefree():
        return []
    return [int(factor.degree()) for factor, _ in poly.factor()]


def _coefficients_are_coprime(poly: Any, main: int) -> bool:
    """Return whether the coefficients of `poly` as a polynomial in variable number `main` have no common factor."""
    coefficients: dict[int, dict[tuple[int, ...], Any]] = {}
    for exponents, coefficient in exponents_of(poly):
        rest = exponents[:main] + (0,) + exponents[main + 1 :]
        coefficients.setdefault(exponents[main], {})[rest] = coefficient
    ring = poly.parent()
    common = ring.zero()
    # The shortest first: most often it is a constant, or the second settles it.
    for terms in sorted(coefficients.values(), key=len):
        common = common.gcd(from_terms(terms, ring))
        if common.is_constant():
            return True
    return False
