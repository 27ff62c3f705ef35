"""The text of SymPy values: the same bytes as SymPy's printer with `^` for `**` and without ` mod p`."""

from __future__ import annotations

import importlib.util
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import EX, GF, QQ, RR, ZZ, ZZ_I, Dummy, Matrix, Poly, RealField, Symbol, ring
from sympy.polys.orderings import ProductOrder, grevlex, lex
from sympy.polys.rings import PolyElement, PolyRing

from algebraset.backends import sympy as backend
from algebraset.backends.sympy import leaf_to_text, versions

SRC = Path(__file__).parents[1] / "src"

DOMAINS = [ZZ, QQ, RR, RealField(prec=100), GF(2), GF(7), GF(7, symmetric=False), GF(2**61 - 1), GF(10**30 + 57)]
ORDERS = ["lex", "grlex", "grevlex", "ilex", "igrlex", "igrevlex"]

small_integers = st.integers(-2, 2) | st.integers(-(10**25), 10**25)
exponents = st.integers(0, 3) | st.integers(0, 1000)


def expected(value) -> str:
    text = str(value)
    return re.sub(r" mod \d+", "", text.replace("**", "^")) if isinstance(value, PolyElement) else text


@st.composite
def polynomials(draw):
    domain = draw(st.sampled_from(DOMAINS))
    names = draw(st.sampled_from(["x", "x,y", "x,y,z", "alpha_1,B,x10", "e,mod,E"]))
    gens = ring(names, domain, draw(st.sampled_from(ORDERS)))[0]
    if domain.is_RR:
        coefficients = st.floats(allow_nan=True, allow_infinity=True) | st.integers(-3, 3).map(float)
        coefficients |= st.sampled_from([1.0, -1.0, 1 + 2**-52, -1 - 2**-52, 1e-20, 1e20, 0.1])
        convert = domain
    elif domain.is_QQ:
        coefficients = st.tuples(small_integers, st.integers(1, 4) | st.integers(1, 10**20))
        convert = lambda pair: domain(*pair)  # noqa: E731
    else:
        coefficients, convert = small_integers, domain
    monomials = st.tuples(*[exponents] * gens.ngens)
    terms = draw(st.dictionaries(monomials, coefficients, max_size=8))
    poly = gens.zero
    for monomial, coefficient in terms.items():
        value = convert(coefficient)
        if value:
            poly[monomial] = value
    return poly


@settings(max_examples=600, deadline=None, derandomize=True)
@given(polynomials())
def test_text_is_that_of_sympy(poly):
    assert leaf_to_text(poly) == expected(poly)


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_units_zero_and_signs(domain):
    gens, x, y = ring("x, y", domain)
    for poly in (gens.zero, gens.one, -gens.one, x, -x, x - 1, -x * y - 1, -x + y - 2, x**2 - x, 2 * x - 2):
        assert leaf_to_text(poly) == expected(poly)


def test_unreduced_elements():
    gens, x, _ = ring("x, y", ZZ)
    odd = gens.zero
    odd[(1, 0)] = ZZ(0)
    odd[(0, 2)] = ZZ(-1)
    assert leaf_to_text(odd) == expected(odd)
    negative_exponent = gens.zero
    negative_exponent[(-1, 2)] = ZZ(3)
    assert leaf_to_text(negative_exponent) == expected(negative_exponent)
    # More digits than Python prints, which the numbers of python-flint and gmpy2 do not mind.
    long = [] if isinstance(ZZ(1), int) else [ZZ(10) ** 5000]
    for foreign in (2.5, QQ(1, 3), 7, *long):
        poly = gens.zero
        poly[(1, 0)] = foreign
        assert leaf_to_text(poly) == expected(poly)
    assert leaf_to_text(x) == "x"


def test_rings_that_only_sympy_prints():
    a = Symbol("a")
    inner, t = ring("t", ZZ)
    cases = [
        ring("x, y", inner.to_domain())[1] * (t + 1) - 3,
        ring("x", ZZ.frac_field(a))[1] * ZZ.frac_field(a)(a / (a + 1)) - 1,
        ring("x", ZZ_I)[1] * ZZ_I(1, 2) + ZZ_I(0, -1),
        ring("x", EX)[1] * EX(a + 1) - EX(a),
        PolyRing([Symbol("a**b"), Symbol("y")], ZZ).gens[0] ** 2 - 1,
        PolyRing([Symbol("x mod 3")], ZZ).gens[0] ** 2 - 1,
        PolyRing([Dummy("d")], ZZ).gens[0] ** 2 - 1,
        PolyRing([a**2 + 1], ZZ).gens[0] ** 2 - 1,
    ]
    for poly in cases:
        assert leaf_to_text(poly) == expected(poly)


def first_two(monomial):
    return monomial[:2]


def last(monomial):
    return monomial[2:]


def test_product_orders():
    order = ProductOrder((grevlex, first_two), (lex, last))
    gens = ring("x, y, z", ZZ, order)[0]
    random.seed(3)
    poly = gens.zero
    for _ in range(12):
        poly[tuple(random.randrange(4) for _ in range(3))] = ZZ(random.randrange(1, 9))
    assert leaf_to_text(poly) == expected(poly)


def test_other_values_are_their_str():
    x = Symbol("x")
    values = [x**2 + 1, Poly(x**2 + 1, x), Matrix([[x**2, 1]]), 3, -2.5, True, None, "a**b mod 3", (x**2, 1), QQ(1, 2)]
    for value in values:
        assert leaf_to_text(value) == str(value)


def test_the_caches_are_bounded(monkeypatch):
    monkeypatch.setattr(backend, "RING_LIMIT", 2)
    monkeypatch.setattr(backend, "MONOMIAL_LIMIT", 3)
    for name in ("p", "q", "r", "s"):
        x = ring(name, ZZ, "grevlex")[1]
        poly = sum((i + 1) * x**i for i in range(9))
        assert leaf_to_text(poly) == expected(poly)
    assert len(backend._printers) <= 2


GROUND_TYPES_SCRIPT = r"""
import hashlib, random, re
from sympy import GF, QQ, RR, ZZ, ring
from algebraset.backends.sympy import leaf_to_text, versions
random.seed(11)
digest = hashlib.sha256()
for domain in (ZZ, QQ, RR, GF(2), GF(7), GF(2**61 - 1), GF(10**30 + 57)):
    for order in ("lex", "grevlex"):
        gens, x, y = ring("x, y", domain, order)
        for _ in range(60):
            poly = gens.zero
            for _ in range(random.randrange(6)):
                coefficient = domain(random.choice([1, -1, random.randrange(-10**20, 10**20)]))
                if domain.is_Field and random.random() < 0.5:
                    coefficient /= domain(random.randrange(1, 40) * 2 + 1) or domain(1)
                if coefficient:
                    poly[random.randrange(4), random.randrange(4)] = coefficient
            text = leaf_to_text(poly)
            assert text == re.sub(r" mod \d+", "", str(poly).replace("**", "^")), (domain, text, str(poly))
            digest.update(text.encode() + b"\n")
print(versions()["ground_types"], digest.hexdigest())
"""


def test_ground_types_print_alike():
    """Python's numbers, gmpy2's and python-flint's; the last two where they are installed."""
    digests = {}
    for name, module in (("python", None), ("gmpy", "gmpy2"), ("flint", "flint")):
        if module is not None and importlib.util.find_spec(module) is None:
            continue
        environment = {**os.environ, "SYMPY_GROUND_TYPES": name, "PYTHONPATH": str(SRC)}
        done = subprocess.run(
            [sys.executable, "-c", GROUND_TYPES_SCRIPT], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        ground_types, digest = done.stdout.split()
        assert ground_types == name
        digests[name] = digest
    assert len(set(digests.values())) == 1, digests


def test_versions():
    import sympy

    assert versions()["sympy"] == sympy.__version__
    assert versions()["ground_types"] in {"python", "gmpy", "flint"}
