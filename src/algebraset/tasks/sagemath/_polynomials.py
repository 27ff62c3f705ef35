"""What the polynomial tasks share: samplers, reading polynomials from their text, normal forms and images."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sage.rings.polynomial.multi_polynomial import MPolynomial

from algebraset.samplers.sagemath_polynomials import (
    GF,
    QQ,
    RR,
    ZZ,
    Polynomial,
    PolynomialRing,
    PolynomialSampler,
    polynomial_ring,
)

Terms = dict[tuple[int, ...], Any]

_FACTOR = re.compile(r"(?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?(?:/\d+)?)|(?P<name>[^\W\d]\w*)(?:\^(?P<exponent>\d+))?")


@lru_cache(maxsize=64)
def _sampler(params: tuple[tuple[str, Any], ...]) -> PolynomialSampler:
    return PolynomialSampler(**dict(params))


def cached_sampler(**params: Any) -> PolynomialSampler:
    """Return the sampler with these parameters, made once; a list of symbols (as YAML gives it) becomes a tuple.

    `nonzero_instance` means what it means in the SymPy tasks: no zero coefficients, and so no zero polynomial.
    """
    if isinstance(params["symbols"], list):
        params["symbols"] = tuple(params["symbols"])
    return _sampler((*params.items(), ("nonzero_coeff", params["nonzero_instance"])))


def ring_of(value: Any, symbols: Any, field_str: str, order: Any) -> Any:
    """Return the ring of `value` if it is a polynomial, else the one that the parameters name."""
    if isinstance(value, (Polynomial, MPolynomial)):
        return value.parent()
    return polynomial_ring(tuple(symbols) if isinstance(symbols, list) else symbols, field_str, order)


def number_range(name: str, low: int, high: int, minimum: int) -> None:
    """Check the bounds `min_<name>` and `max_<name>` of a number of things.

    Raises:
        ValueError: they are no integers with minimum <= low <= high.
    """
    for bound in (low, high):
        if isinstance(bound, bool) or not isinstance(bound, int):
            raise ValueError(f"min_{name} = {low!r}, max_{name} = {high!r}: integers are needed")
    if not minimum <= low <= high:
        raise ValueError(f"min_{name} = {low}, max_{name} = {high}: {minimum} <= min <= max is needed")


def total_degree(poly: Any) -> int:
    """Return the largest total degree of a monomial; 0 for the zero polynomial."""
    degree = poly.degree() if isinstance(poly, Polynomial) else poly.total_degree()
    return max(0, int(degree))


def exponents_of(poly: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Yield (exponents, coefficient) for the terms of a polynomial, in one variable or several."""
    if isinstance(poly, Polynomial):
        for exponent, coefficient in poly.dict().items():
            yield (int(exponent),), coefficient
    else:
        for exponents, coefficient in poly.dict().items():
            yield tuple(exponents), coefficient


def terms_of(value: Any, ring: Any) -> Terms:
    """Return the terms of a polynomial as {exponents: coefficient} with plain Python numbers, without zeros.

    Coefficients are int over ZZ, Fraction over QQ, float over RR, and int in [0, p) over GF(p). No SageMath
    arithmetic takes part, so that checks built on this are independent of it.

    Args:
        value: a polynomial, or text as in a dataset, SageMath's or SymPy's: `2*x^2*y - 3/2*x + 1`.
        ring: names the variables and the coefficients.

    Raises:
        ValueError: the text is not a polynomial in these variables with these coefficients.
    """
    number = _number_type(ring.base_ring())
    modulus = int(ring.characteristic())
    terms: Terms = {}
    if isinstance(value, (Polynomial, MPolynomial)):
        for exponents, coefficient in exponents_of(value):
            terms[exponents] = _python_number(coefficient, number)
    else:
        for exponents, coefficient in _read_terms(str(value), ring.variable_names(), number):
            terms[exponents] = terms.get(exponents, 0) + coefficient
    if modulus:
        terms = {exponents: coefficient % modulus for exponents, coefficient in terms.items()}
    return {exponents: coefficient for exponents, coefficient in terms.items() if coefficient}


def _number_type(base: Any) -> Any:
    if base is QQ:
        return Fraction
    return float if base is RR else int


def _python_number(coefficient: Any, number: Any) -> Any:
    if number is Fraction:
        return Fraction(int(coefficient.numerator()), int(coefficient.denominator()))
    return number(coefficient)


def _read_terms(text: str, names: tuple[str, ...], number: Any) -> Iterator[tuple[tuple[int, ...], Any]]:
    positions = {name: i for i, name in enumerate(names)}
    for term in text.strip().replace(" - ", " + -").split(" + "):
        negative = term.startswith("-")
        coefficient = number(-1 if negative else 1)
        exponents = [0] * len(names)
        for factor in term[negative:].split("*"):
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise ValueError(f"{text!r} is not a polynomial: cannot read {factor!r}")
            if match["number"]:
                coefficient *= number(match["number"])
            elif match["name"] in positions:
                exponents[positions[match["name"]]] += int(match["exponent"] or 1)
            else:
                raise ValueError(f"{text!r}: unknown variable {match['name']}, known are {', '.join(positions)}")
        yield tuple(exponents), coefficient


def polynomial_of(value: Any, ring: Any) -> Any:
    """Return `value`, a polynomial or text (see `terms_of`), as an element of `ring`.

    Raises:
        ValueError: as `terms_of`.
    """
    if isinstance(value, (Polynomial, MPolynomial)) and value.parent() is ring:
        return value
    terms = terms_of(value, ring)
    if ring.base_ring() is QQ:
        terms = {exponents: QQ((c.numerator, c.denominator)) for exponents, c in terms.items()}
    else:
        terms = {exponents: ring.base_ring()(c) for exponents, c in terms.items()}
    return from_terms(terms, ring)


def from_terms(terms: Terms, ring: Any) -> Any:
    """Return the element of `ring` with these terms."""
    if isinstance(ring.gen(0), Polynomial):
        return ring({exponents[0]: coefficient for exponents, coefficient in terms.items()})
    return ring(terms)


def normal_form(poly: Any) -> Any:
    """Return the associate of a nonzero polynomial that the tasks use for irreducible factors.

    Over ZZ and QQ it has coprime integer coefficients and a positive leading coefficient, over a finite field it is
    monic.
    """
    if poly.base_ring().is_finite():
        return poly / poly.lc()
    if poly.base_ring() is QQ:
        # Coefficients in lowest terms: their gcd is that of the numerators over the lcm of the denominators.
        coefficients = poly.coefficients()
        content = QQ((_gcd(c.numerator() for c in coefficients), _lcm(c.denominator() for c in coefficients)))
        poly = poly / content
    return -poly if poly.lc() < 0 else poly


def primitive_integer_form(poly: Any) -> Any:
    """Return a polynomial over QQ as its normal form over ZZ, others as they are."""
    if poly.base_ring() is not QQ:
        return poly
    return normal_form(poly).change_ring(ZZ)


def _gcd(numbers: Iterator[Any]) -> Any:
    result = ZZ(0)
    for number in numbers:
        result = result.gcd(number)
    return result


def _lcm(numbers: Iterator[Any]) -> Any:
    result = ZZ(1)
    for number in numbers:
        result = result.lcm(number)
    return result


@lru_cache(maxsize=64)
def image_ring(field: Any) -> Any:
    """Return the univariate polynomial ring over a finite field that images lie in."""
    return PolynomialRing(field, "t")


@lru_cache(maxsize=64)
def large_field(characteristic: int, size: int) -> Any:
    """Return a field of this prime characteristic with at least `size` elements."""
    degree = 1
    while characteristic**degree < size:
        degree += 1
    return GF(ZZ(characteristic) ** degree, "a")


def image(poly: Any, variable: int, point: list[Any], field: Any) -> Any:
    """Return `poly` with its variables set to the members of `point`, all but one, over a finite field.

    Args:
        poly: a polynomial over ZZ or over the prime field of `field`.
        variable: number of the variable that is left.
        point: an element of `field` for each variable; that of `variable` is not used.
        field: of the image's coefficients.

    Returns:
        A univariate polynomial over `field`.
    """
    coefficients: dict[int, Any] = {}
    for exponents, coefficient in exponents_of(poly):
        value = field(coefficient)
        for i, exponent in enumerate(exponents):
            if i != variable and exponent:
                value *= point[i] ** exponent
        degree = exponents[variable]
        coefficients[degree] = coefficients.get(degree, 0) + value
    return image_ring(field)(coefficients)


def degree_in(poly: Any, variable: int) -> int:
    """Return the degree of a polynomial in one variable; 0 for the zero polynomial."""
    return max((exponents[variable] for exponents, _ in exponents_of(poly)), default=0)
