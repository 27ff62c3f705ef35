"""Proof that a polynomial is irreducible, by another way than factoring it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle, islice, product

from sympy.polys.domains import ZZ
from sympy.polys.galoistools import gf_ddf_zassenhaus, gf_degree, gf_monic, gf_sqf_p, gf_trunc
from sympy.polys.rings import PolyElement

# Over ZZ: values of the other variables and primes, taken together in turn (their numbers have no common factor).
POINTS = (1, -1, 2, -2, 3, -3, 5, -5)
PRIMES = (11, 13, 17, 19, 23, 29, 31, 37, 41)
MAX_IMAGES = 64

Assignment = dict[int, int]


def is_irreducible(poly: PolyElement) -> bool:
    """Return whether a polynomial over ZZ or GF(p) is irreducible; constants are not, nor 2*x + 4 over ZZ.

    Take f as a polynomial in the variable x of least degree d, with coefficients in the other variables. Unless these
    have a common factor, every proper factor of f has a degree in x strictly between 0 and d. Setting the other
    variables to numbers and reducing modulo a prime, both without losing the leading coefficient, keeps these
    degrees, so that each image leaves only the sums of the degrees of its own factors as possible; when none is left,
    f is irreducible (D. R. Musser, "On the efficiency of a polynomial irreducibility test", J. ACM 25, 1978). Only
    the degrees of factors modulo a prime are needed, which distinct-degree factorization gives. What no image
    decides, reducible polynomials and a few as x^4 + 1, is translated and factored.

    Raises:
        NotImplementedError: several variables over GF(p) and no image decides; SymPy cannot factor these.
    """
    if not poly:
        return False
    ring = poly.ring
    finite = ring.domain.is_FiniteField
    if not finite and poly.content() != 1:
        return False
    degrees = [max(monomial[i] for monomial in poly) for i in range(ring.ngens)]
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
    for assignment, prime in _images(others, int(ring.domain.characteristic())):
        factor_degrees = _image_factor_degrees(poly, main, assignment, prime)
        if sum(factor_degrees) < degrees[main]:
            continue
        sums = {0}
        for degree in factor_degrees:
            sums |= {s + degree for s in sums}
        possible &= sums
        if not possible:
            return True
    if finite and others:
        raise NotImplementedError(f"SymPy cannot tell whether {poly} is irreducible over {ring.domain}")
    translated = poly.compose([(gen, gen + i + 1) for i, gen in enumerate(ring.gens)])
    return sum(multiplicity for _, multiplicity in translated.factor_list()[1]) == 1


def _images(others: list[int], characteristic: int) -> Iterator[tuple[Assignment, int]]:
    """Yield values for the other variables, with a prime: over GF(p) always p."""
    if characteristic:
        points = islice(product(range(characteristic), repeat=len(others)), MAX_IMAGES)
        pairs = ((point, characteristic) for point in points)
    else:
        points = cycle(product(POINTS, repeat=len(others)))
        pairs = islice(zip(points, cycle(PRIMES)), MAX_IMAGES if others else len(PRIMES))
    for point, prime in pairs:
        yield dict(zip(others, point, strict=True)), prime


def _image_factor_degrees(poly: PolyElement, main: int, assignment: Assignment, prime: int) -> list[int]:
    """Return the degrees of the irreducible factors of an image; [] if it has repeated factors."""
    coefficients = [0] * (max(monomial[main] for monomial in poly) + 1)
    for monomial, coefficient in poly.items():
        value = int(coefficient)
        for i, number in assignment.items():
            value *= number ** monomial[i]
        coefficients[-1 - monomial[main]] += value
    image = gf_trunc([ZZ(c) for c in coefficients], prime)
    if gf_degree(image) < 1:
        return []
    image = gf_monic(image, prime, ZZ)[1]
    if not gf_sqf_p(image, prime, ZZ):
        return []
    return [d for part, d in gf_ddf_zassenhaus(image, prime, ZZ) for _ in range(gf_degree(part) // d)]


def _coefficients_are_coprime(poly: PolyElement, main: int) -> bool:
    """Return whether the coefficients of `poly` as a polynomial in variable number `main` have no common factor."""
    ring = poly.ring
    coefficients: dict[int, PolyElement] = {}
    for monomial, coefficient in poly.items():
        rest = monomial[:main] + (0,) + monomial[main + 1 :]
        coefficients.setdefault(monomial[main], ring.dtype({}))[rest] = coefficient
    common = ring.zero
    # The shortest first: most often it is a constant, or the second settles it.
    for coefficient in sorted(coefficients.values(), key=len):
        common = common.gcd(coefficient)
        if common.is_ground:
            return True
    return False
