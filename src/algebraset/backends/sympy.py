"""What SymPy needs: loading it, the text of its values, and its versions.

Nothing of it is imported before `load` is called: a worker whose generator does without starts in a third of the time.
"""

from __future__ import annotations

import importlib
import operator
import re
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sympy.polys.rings import PolyElement, PolyRing

Monomial = tuple[int, ...]

# How many monomials' texts are remembered per ring, and for how many rings.
MONOMIAL_LIMIT = 100_000
RING_LIMIT = 64

_MODULUS = re.compile(r" mod \d+")


def load() -> None:
    """Import SymPy; later calls cost nothing."""
    importlib.import_module("sympy")


def leaf_to_text(value: Any) -> str:
    """Return the text of one value in a dataset: `str(value)`; in ring elements `^` for `**`, and no ` mod p`.

    This is CALT's text. Over ZZ, QQ, RR and GF(p) ring elements are printed by this module, several times faster
    than by SymPy and with the same result; all others by SymPy.
    """
    rings = sys.modules.get("sympy.polys.rings")
    if rings is None or not isinstance(value, rings.PolyElement):
        return str(value)
    ring = value.ring
    printer = _printers.get(ring)
    if printer is None:
        if len(_printers) >= RING_LIMIT:
            _printers.clear()
        printer = _printers[ring] = _printer_for(ring)
    return printer(value)


def versions() -> dict[str, str]:
    """Return the version of SymPy and the ground types (python, gmpy or flint) that its numbers have here."""
    from sympy.external.gmpy import GROUND_TYPES
    from sympy.release import __version__

    return {"sympy": __version__, "ground_types": GROUND_TYPES}


def _sympy_text(poly: PolyElement) -> str:
    return _MODULUS.sub("", str(poly).replace("**", "^"))


class _MonomialTexts(dict[Monomial, str]):
    """Text of each monomial of a ring, made when first asked for."""

    def __init__(self, ring: PolyRing) -> None:
        self.names = [symbol.name for symbol in ring.symbols]

    def __missing__(self, monomial: Monomial) -> str:
        powers = []
        for name, exponent in zip(self.names, monomial, strict=True):
            if type(exponent) is not int or exponent < 0:
                raise _UnusualPolynomial
            if exponent:
                powers.append(name if exponent == 1 else f"{name}^{exponent}")
        if len(self) >= MONOMIAL_LIMIT:
            self.clear()
        text = self[monomial] = "*".join(powers)
        return text


class _SortKeys(dict[Monomial, Any]):
    """Sort key of each monomial in a term order, made when first asked for."""

    def __init__(self, order: Any) -> None:
        self.order = order

    def __missing__(self, monomial: Monomial) -> Any:
        if len(self) >= MONOMIAL_LIMIT:
            self.clear()
        key = self[monomial] = self.order(monomial)
        return key


class _UnusualPolynomial(Exception):
    """A polynomial that only SymPy's printer is known to print right."""


class _Printer:
    """Prints the elements of one ring whose variables are plain symbols."""

    def __init__(self, ring: PolyRing) -> None:
        from sympy.polys.orderings import lex

        self.texts = _MonomialTexts(ring)
        self.key = None if ring.order is lex else _SortKeys(ring.order).__getitem__
        self.zero = _MODULUS.sub("", str(ring.domain.zero))

    def __call__(self, poly: PolyElement) -> str:
        if not poly:
            return self.zero
        try:
            terms = self.terms(poly, sorted(poly, key=self.key, reverse=True))
        except _UnusualPolynomial:
            return _sympy_text(poly)
        return " + ".join(terms).replace(" + -", " - ")

    def terms(self, poly: PolyElement, monomials: list[Monomial]) -> list[str]:
        """Return the texts of the terms, each with its sign. Here over QQ."""
        texts = self.texts
        terms = []
        for monomial in monomials:
            coefficient = str(poly[monomial])
            power = texts[monomial]
            if not power:
                terms.append(coefficient)
            elif coefficient == "1":
                terms.append(power)
            elif coefficient == "-1":
                terms.append("-" + power)
            else:
                terms.append(f"{coefficient}*{power}")
        return terms


class _IntegerPrinter(_Printer):
    """Over ZZ and GF(p), by ints: python-flint's own numbers are slow to print."""

    def __init__(self, ring: PolyRing) -> None:
        super().__init__(ring)
        self.to_int = operator.index if ring.domain.is_ZZ else _residue

    def terms(self, poly: PolyElement, monomials: list[Monomial]) -> list[str]:
        texts, to_int = self.texts, self.to_int
        terms = []
        try:
            for monomial in monomials:
                number = to_int(poly[monomial])
                power = texts[monomial]
                if not power:
                    terms.append(f"{number}")
                elif number == 1:
                    terms.append(power)
                elif number == -1:
                    terms.append("-" + power)
                else:
                    terms.append(f"{number}*{power}")
        except (TypeError, ValueError):  # no integer, or one of more digits than Python prints
            raise _UnusualPolynomial from None
        return terms


def _residue(element: Any) -> int:
    # SymPy prints the least nonnegative residue; as int it has no " mod p" that would have to be removed.
    residue = int(element)
    if residue < 0:
        raise _UnusualPolynomial
    return residue


class _RealPrinter(_Printer):
    def __init__(self, ring: PolyRing) -> None:
        super().__init__(ring)
        self.one = ring.domain.one

    def terms(self, poly: PolyElement, monomials: list[Monomial]) -> list[str]:
        texts = self.texts
        terms = []
        for monomial in monomials:
            value = poly[monomial]
            coefficient = str(value)
            if coefficient[-1] in "fn":  # inf and nan
                raise _UnusualPolynomial
            power = texts[monomial]
            if not power:
                terms.append(coefficient)
            # 1 + 2**-52 prints as 1.0 too, but SymPy leaves out only an exact one.
            elif coefficient == "1.0" and value == self.one:
                terms.append(power)
            elif coefficient == "-1.0" and -value == self.one:
                terms.append("-" + power)
            else:
                terms.append(f"{coefficient}*{power}")
        return terms


def _printer_for(ring: PolyRing) -> Any:
    """Return a function from a ring's elements to their text: SymPy's own where no printer here is sure."""
    from sympy.core.symbol import Symbol

    if not all(type(symbol) is Symbol and symbol.name.isidentifier() for symbol in ring.symbols):
        return _sympy_text
    domain = ring.domain
    if domain.is_ZZ or domain.is_FiniteField:
        return _IntegerPrinter(ring)
    if domain.is_QQ:
        return _Printer(ring)
    if domain.is_RR:
        return _RealPrinter(ring)
    return _sympy_text


_printers: dict[PolyRing, Any] = {}
