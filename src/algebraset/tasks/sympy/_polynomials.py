"""What the polynomial tasks share: reading polynomials from their text, and their degrees."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from sympy.polys.rings import PolyElement, PolyRing

from algebraset.backends.sympy import leaf_to_text
from algebraset.samplers.sympy_polynomials import PolynomialSampler, polynomial_ring

Terms = dict[tuple[int, ...], Any]

_FACTOR = re.compile(r"(?P<number>\d+(?:\.\d*)?(?:e[+-]?\d+)?(?:/\d+)?)|(?P<name>[^\W\d]\w*)(?:\^(?P<exponent>\d+))?")


@lru_cache(maxsize=64)
def _sampler(params: tuple[tuple[str, Any], ...]) -> PolynomialSampler:
    return PolynomialSampler(**dict(params))


def cached_sampler(**params: Any) -> PolynomialSampler:
    """Return the sampler with these parameters, made once; a list of symbols (as YAML gives it) becomes a tuple."""
    if isinstance(params["symbols"], list):
        params["symbols"] = tuple(params["symbols"])
    return _sampler(tuple(params.items()))


def ring_of(value: Any, symbols: Any, field_str: str, order: Any) -> PolyRing:
    """Return the ring of `value` if it is a ring element, else the one that the parameters name."""
    if isinstance(value, PolyElement):
        return value.ring
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


def total_degree(poly: PolyElement) -> int:
    """Return the largest total degree of a monomial; 0 for the zero polynomial."""
    return max(map(sum, poly), default=0)


def terms_of(value: Any, ring: PolyRing) -> Terms:
    """Return the terms of a polynomial as {exponents: coefficient} with plain Python numbers, without zeros.

    Coefficients are int over ZZ, Fraction over QQ, float over RR, and int in [0, p) over GF(p). No SymPy arithmetic
    takes part, so that checks built on this are independent of it.

    Args:
        value: a ring element, or text as in a dataset, SymPy's or SageMath's: `2*x^2*y - 3/2*x + 1`.
        ring: names the variables and the domain.

    Raises:
        ValueError: the text is not a polynomial in these variables over this domain.
    """
    if isinstance(value, PolyElement) and value.ring == ring:
        return {monomial: _plain(coefficient, ring.domain) for monomial, coefficient in value.items()}
    text = leaf_to_text(value)
    positions = {str(symbol): i for i, symbol in enumerate(ring.symbols)}
    domain = ring.domain
    terms: Terms = {}
    for term in text.strip().replace(" - ", " + -").split(" + "):
        negative = term.startswith("-")
        coefficient = _number("-1" if negative else "1", domain)
        exponents = [0] * ring.ngens
        for factor in term[negative:].split("*"):
            match = _FACTOR.fullmatch(factor)
            if match is None:
                raise ValueError(f"{text!r} is not a polynomial: cannot read {factor!r}")
            if match["number"]:
                coefficient *= _number(match["number"], domain)
            elif match["name"] in positions:
                exponents[positions[match["name"]]] += int(match["exponent"] or 1)
            else:
                raise ValueError(f"{text!r}: unknown variable {match['name']}, known are {', '.join(positions)}")
        monomial = tuple(exponents)
        terms[monomial] = terms.get(monomial, 0) + coefficient
    if domain.is_FiniteField:
        p = int(domain.characteristic())
        terms = {monomial: coefficient % p for monomial, coefficient in terms.items()}
    return {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}


def _plain(coefficient: Any, domain: Any) -> Any:
    if domain.is_RR:
        return float(coefficient)
    if domain.is_QQ:
        return Fraction(int(coefficient.numerator), int(coefficient.denominator))
    return int(coefficient) % int(domain.characteristic()) if domain.is_FiniteField else int(coefficient)


def _number(text: str, domain: Any) -> Any:
    if domain.is_RR:
        return float(text)
    if domain.is_QQ:
        return Fraction(text)
    return int(text)


def polynomial_of(value: Any, ring: PolyRing) -> PolyElement:
    """Return `value`, a ring element or text (see `terms_of`), as an element of `ring`.

    Raises:
        ValueError: as `terms_of`.
    """
    if isinstance(value, PolyElement) and value.ring == ring:
        return value
    domain = ring.domain
    terms = terms_of(value, ring)
    if domain.is_QQ:
        return ring.dtype({m: domain(c.numerator, c.denominator) for m, c in terms.items()})
    return ring.dtype({m: domain(c) for m, c in terms.items()})
