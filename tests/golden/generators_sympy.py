"""Generators of the golden files of the SymPy backend: small functions of the seed, one for each kind of value.

They must give the same text under every SymPy ground type (Python, gmpy2, flint). So none of them puts a bare element
of `GF(p)` in a sample, nor a tuple, list or set of elements of `QQ` or `ZZ`: those print differently. Only the
coefficients of a `PolyElement` are ring elements here.
"""

from __future__ import annotations

import enum
import itertools
import random
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import sympy as sp
from sympy.polys.orderings import grevlex, grlex, igrlex, ilex, lex
from sympy.polys.rings import PolyElement, PolyRing

X, Y, Z, T = sp.symbols("x y z t")
Point = namedtuple("Point", "x y")


class Colour(enum.Enum):
    """An enumeration, to be used as a scalar."""

    RED = 1
    GREEN = 2


class ListOfFactors(list):
    """A subclass of list: it nests as a list does."""


def rotated(pool: list, seed: int) -> list:
    """Return `pool` from a place that depends on the seed, so that every sample holds all of it."""
    start = seed % len(pool)
    return pool[start:] + pool[:start]


def random_poly(rng: random.Random, ring: PolyRing, num_terms: int = 3, max_exponent: int = 2) -> PolyElement:
    """Return a polynomial of a `ZZ`, `QQ`, `RR` or `GF(p)` ring with small coefficients."""
    domain = ring.domain
    poly = ring.zero
    for _ in range(rng.randint(1, num_terms)):
        if domain.is_QQ:
            coeff = domain(rng.randint(-9, 9), rng.randint(1, 9))
        elif domain.is_RR:
            coeff = domain(rng.randint(-999, 999) / 8)
        else:
            coeff = domain(rng.randint(-99, 99))
        term = ring(coeff)
        for gen in ring.gens:
            term *= gen ** rng.randint(0, max_exponent)
        poly += term
    return poly


def random_expr(rng: random.Random) -> sp.Expr:
    """Return an expanded expression in x and y with rational coefficients."""
    return sum(
        (sp.Rational(rng.randint(-9, 9), rng.randint(1, 4)) * X ** rng.randint(0, 4) * Y ** rng.randint(0, 2))
        for _ in range(rng.randint(1, 4))
    )


# Plain Python values


def int_scalar(seed: int):
    rng = random.Random(seed)
    return rng.randint(-1000, 1000), rng.randint(0, 9)


def float_scalar(seed: int):
    rng = random.Random(seed)
    pool = [0.1 + 0.2, -0.0, 1e22, 1e-7, 1e16, 123456789.0, 5e-324, float("nan"), float("-inf")]
    return rng.uniform(-1, 1), rotated(pool, seed)


def bool_none_scalar(seed: int):
    return seed % 2 == 0, rotated([None, True, False, None], seed)[0]


def str_scalar(seed: int):
    rng = random.Random(seed)
    return "".join(rng.choice("abc XYZ 019 +-*/^()[],;:.!?~&%$@") for _ in range(12)), rng.choice(["yes", "no", "0"])


def flat_lists(seed: int):
    rng = random.Random(seed)
    numbers = [rng.randint(-50, 50) for _ in range(rng.randint(1, 5))]
    return numbers, list(itertools.accumulate(numbers))


def list_and_scalar(seed: int):
    rng = random.Random(seed)
    numbers = [rng.randint(-50, 50) for _ in range(rng.randint(1, 4))]
    return (numbers, sum(numbers)) if seed % 2 else (sum(numbers), numbers)


def empty_lists(seed: int):
    return [([], []), ([], 0), (0, []), ([], [[]])][seed % 4]


def empty_inner_lists(seed: int):
    return [([[]], []), ([[], []], [[]]), ([1], [[], 2, []]), ([[1], []], [[], [1]])][seed % 4]


def nested_lists(seed: int):
    rng = random.Random(seed)
    rows = [[rng.randint(-9, 9) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 3))]
    return rows, [[sum(row), len(row)] for row in rows]


def mixed_lists(seed: int):
    rng = random.Random(seed)
    numbers = [rng.randint(1, 9) for _ in range(4)]
    return [numbers[:2], numbers[2], [numbers[3]]], [sum(numbers), numbers, [], "end"]


def list_subclass(seed: int):
    rng = random.Random(seed)
    inner = ListOfFactors(rng.randint(2, 9) for _ in range(3))
    return ListOfFactors([inner, 1]), inner


def tuples(seed: int):
    rng = random.Random(seed)
    pair = (rng.randint(0, 9), rng.randint(0, 9))
    return pair, [pair, (), (1,), ("a", None, 0.5), ((1, 2), [3])]


def tuples_in_nested_lists(seed: int):
    rng = random.Random(seed)
    return [[(rng.randint(0, 9), "b")], (1, 2)], ([1, 2], [3])


def dicts_and_sets(seed: int):
    rng = random.Random(seed)
    return {rng.randint(0, 9): rng.randint(0, 9)}, [{"k": [1, 2]}, {rng.randint(0, 9)}, frozenset({1}), set(), {}]


def other_python_scalars(seed: int):
    rng = random.Random(seed)
    n = rng.randint(1, 9)
    return (
        [Decimal(n) / 10, complex(n, -1), range(n), bytes([64 + n])],
        [Point(n, -n), rng.choice(list(Colour)), Ellipsis, slice(0, n)],
    )


def big_ints(seed: int):
    rng = random.Random(seed)
    return seed, [rng.getrandbits(200), -(2**128), 10**40]


def fractions(seed: int):
    rng = random.Random(seed)
    values = [Fraction(rng.randint(-20, 20), rng.randint(1, 9)) for _ in range(3)]
    return values, sum(values, Fraction(0))


def numpy_scalars(seed: int):
    rng = random.Random(seed)
    n = rng.randint(0, 99)
    return (
        [np.int64(n), np.uint8(n), np.float64(n / 10), np.float32(n / 10), np.bool_(n % 2)],
        [[np.str_("s"), np.complex128(complex(n, 1))], np.array([n, 1]), np.float64("nan")],
    )


# Strings


def empty_strings(seed: int):
    return [("", ""), ("", "0"), (["", ""], [""]), ([["", ""], ""], [[""], " ", []])][seed % 4]


def outer_spaces(seed: int):
    return [(" ", ""), ("  a  ", "b "), ([" a", "b "], " "), ([[" "], "  "], [" c "])][seed % 4]


def non_ascii_strings(seed: int):
    pool = [
        "\u00e9",
        "e\u0301",
        "\u00df\u00d8\u0142",
        "\u03b1\u00b2+\u03b2",
        "\u4e8c\u6b21\u65b9\u7a0b\u5f0f",
        "\U0001d4d0 \u2264 \U0001d4d1",
        "\U0001f9ee",
        "\U0001f468\u200d\U0001f469\u200d\U0001f467",
        "\u05d0\u05d1 \u0627\u0644",
        "a\u00a0b\u2009c\ufeff",
    ]
    return rotated(pool, seed), pool[seed % 7]


def escaped_strings(seed: int):
    pool = ['"', 'say "hi"', "it's", "\\", "C:\\new\\table", "\\n", "\\u0041", "/", "<a & b>", "%s {}"]
    return rotated(pool, seed), pool[seed % 10]


def control_characters(seed: int):
    pool = ["tab\there", "\t", "\x01", "\b", "\x1b[0m", "\x7f", "\x9b"]
    return rotated(pool, seed), [pool[:2], "a\tb"]


# Elements of sparse polynomial rings (PolyElement)


def _polys(seed: int, ring: PolyRing):
    """Return two polynomials of `ring`; their sum and zero."""
    rng = random.Random(seed)
    f, g = random_poly(rng, ring), random_poly(rng, ring)
    return [f, g], [f + g, f - f]


def poly_zz(seed: int):
    return _polys(seed, PolyRing("x,y,z", sp.ZZ, lex))


def poly_zz_grlex(seed: int):
    return _polys(seed, PolyRing("x,y,z", sp.ZZ, grlex))


def poly_qq_grevlex(seed: int):
    return _polys(seed, PolyRing("x,y,z", sp.QQ, grevlex))


def poly_inverse_orders(seed: int):
    problem, _ = _polys(seed, PolyRing("x,y,z", sp.ZZ, ilex))
    answer, _ = _polys(seed, PolyRing("x,y,z", sp.QQ, igrlex))
    return problem, answer


def poly_rr(seed: int):
    ring = PolyRing("x,y", sp.RR, grevlex)
    x, y = ring.gens
    special = ring(1) / 3 * x**2 - ring(1e20) * y + 1e-9
    return _polys(seed, ring)[0], [special, ring.zero, ring.one, -x]


def poly_gf2(seed: int):
    return _polys(seed, PolyRing("x,y", sp.GF(2), grevlex))


def poly_gf7(seed: int):
    return _polys(seed, PolyRing("x,y,z", sp.GF(7), grevlex))


def poly_gf_large(seed: int):
    return _polys(seed, PolyRing("x", sp.GF(2**61 - 1), lex))


def poly_univariate(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x", sp.ZZ, lex)
    f, g = random_poly(rng, ring), random_poly(rng, ring)
    return [f, g], f * g


def poly_symbol_names(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x_0,x_1,alpha,mod", sp.QQ, grevlex)
    return random_poly(rng, ring), [random_poly(rng, ring, 2) for _ in range(2)]


def poly_constants(seed: int):
    rng = random.Random(seed)
    rings = [PolyRing("x,y", domain, grevlex) for domain in (sp.ZZ, sp.QQ, sp.RR, sp.GF(5))]
    return [ring.zero for ring in rings], [ring(rng.randint(-9, 9)) for ring in rings]


def poly_negative_leading(seed: int):
    rng = random.Random(seed)
    samples = []
    for domain in (sp.ZZ, sp.QQ, sp.RR, sp.GF(11)):
        x, y = PolyRing("x,y", domain, grevlex).gens
        samples.append(-rng.randint(1, 9) * x**3 * y - x + y**2 - 1)
    return samples, samples[seed % 4]


def poly_nested(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x,y", sp.GF(31), grevlex)
    row = [random_poly(rng, ring, 3) for _ in range(4)]
    return [row[:2], row[2:]], [[row[0] * row[1]], row[2], "det"]


def poly_factor_list(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x", sp.ZZ, lex)
    x = ring.gens[0]
    product = ring(rng.randint(1, 5))
    for _ in range(3):
        product *= (x - rng.randint(-2, 2)) ** rng.randint(1, 2)
    _, factors = product.factor_list()
    return product, [[factor, multiplicity] for factor, multiplicity in factors]


def poly_in_tuples(seed: int):
    rng = random.Random(seed)
    x, y = PolyRing("x,y", sp.ZZ, lex).gens
    poly = x ** rng.randint(2, 5) - rng.randint(1, 9) * y**2
    return (poly, 2), [(poly, 1), poly, [(poly,), poly]]


def poly_over_polys(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x,y", sp.ZZ[T], lex)
    x, y = ring.gens
    t = ring.domain.gens[0]
    return x**2 * (t ** rng.randint(2, 4) - 1) + y * t, x * (t**2) - y**2 - t


def poly_over_fractions(seed: int):
    rng = random.Random(seed)
    ring = PolyRing("x", sp.QQ.frac_field(T), lex)
    x = ring.gens[0]
    t = ring.domain.gens[0]
    return x**2 * (t**2 / (t + rng.randint(1, 9))) - x * t, x**3 * t**2 + 1


def fraction_field_elements(seed: int):
    rng = random.Random(seed)
    field = PolyRing("x,y", sp.ZZ, lex).to_field()
    x, y = field.gens
    return [x**2 / (y**3 + rng.randint(1, 9)), x**2 + 1], field(0)


# Other SymPy objects: these keep `**`


def dense_polys(seed: int):
    rng = random.Random(seed)
    f = sp.Poly([rng.randint(-9, 9) for _ in range(4)], X)
    g = sp.Poly(X**2 + rng.randint(1, 5) * Y / 3, X, Y)
    return [f, g, sp.Poly(1.5 * X, X)], [sp.Poly(f, modulus=7), sp.Poly(f, modulus=7, symmetric=False), f.diff()]


def dense_poly_coefficients(seed: int):
    rng = random.Random(seed)
    f = sp.Poly([sp.Rational(rng.randint(-9, 9), rng.randint(1, 5)) for _ in range(4)] + [1], X)
    return f.as_expr(), f.all_coeffs()


def expressions(seed: int):
    rng = random.Random(seed)
    f, g = random_expr(rng), random_expr(rng)
    return [f, g], sp.expand(f * g)


def power_expressions(seed: int):
    rng = random.Random(seed)
    n = rng.randint(2, 9)
    return [X**n, X**-n, sp.sqrt(X), X ** sp.Rational(n, 11), 2**X], [[X ** (Y**n)], (X + n) ** 2, sp.exp(X) ** Y]


def functions(seed: int):
    rng = random.Random(seed)
    n = rng.randint(2, 9)
    f = sp.sin(n * X) ** 2 + sp.log(Y)
    return sp.Integral(f, X), [sp.diff(f, X), sp.Abs(X - n), sp.Eq(X, n), n * X < Y, sp.Sum(X, (X, 1, n))]


def sympy_numbers(seed: int):
    rng = random.Random(seed)
    n = rng.randint(1, 9)
    return (
        [sp.Integer(-n), sp.Rational(n, 10), sp.Float(n) / 3, sp.Float("0.1", 30), sp.Float(10) ** 20],
        [sp.pi, n * sp.E, sp.I, sp.oo, -sp.oo, sp.nan, sp.zoo, sp.sqrt(2), sp.true, sp.S.Half],
    )


def matrices(seed: int):
    rng = random.Random(seed)
    m = sp.Matrix(2, 2, [rng.randint(-9, 9) for _ in range(4)])
    others = [sp.Matrix([[X**2, sp.Rational(1, rng.randint(2, 9))]]), sp.Matrix(0, 2, []), sp.zeros(2, 1)]
    return m, [m.T * m, sp.ImmutableMatrix(m), sp.SparseMatrix(m), *others]


def matrix_rows(seed: int):
    rng = random.Random(seed)
    m = sp.Matrix(2, 3, [rng.randint(-9, 9) * X ** rng.randint(0, 3) for _ in range(6)])
    return m.tolist(), m.applyfunc(lambda entry: sp.diff(entry, X)).tolist()


def expr_factor_list(seed: int):
    rng = random.Random(seed)
    f = sp.expand((X - rng.randint(1, 4)) ** 2 * (X + rng.randint(1, 4)) * (X**2 + 1))
    factors = sp.factor_list(f)[1]
    return f, [sp.factor(f), list(factors[0]), factors[-1]]


def sympy_containers(seed: int):
    rng = random.Random(seed)
    n = rng.randint(1, 9)
    basis = sp.groebner([X**2 + n * Y, Y**2 - 1], X, Y)
    return [sp.Tuple(X, n), sp.FiniteSet(n), sp.Interval(0, n), sp.Dict({X: n})], [basis, list(basis), basis.exprs[0]]


# Statistics


def poly_statistics(problem, answer):
    """Numbers of a list of polynomials and of their sum."""
    return {
        "problem": {"num_polys": len(problem), "max_terms": max(len(poly) for poly in problem)},
        "answer": {"num_terms": len(answer[0]), "is_dense": len(answer[0]) > 4},
    }


def int_statistics(problem, answer):
    """Exact numbers of a scalar problem and answer, one of them negative at times."""
    return {"problem": {"value": problem, "half": problem / 2}, "answer": {"value": answer}}


def flat_statistics(problem, answer):
    """Metrics that stand in no category."""
    return {"length": len(problem), "mean": sum(problem) / len(problem), "positive": answer[-1] > 0}


CASES = {
    function.__name__: function
    for function in (
        int_scalar,
        float_scalar,
        bool_none_scalar,
        str_scalar,
        flat_lists,
        list_and_scalar,
        empty_lists,
        empty_inner_lists,
        nested_lists,
        mixed_lists,
        list_subclass,
        tuples,
        tuples_in_nested_lists,
        dicts_and_sets,
        other_python_scalars,
        big_ints,
        fractions,
        numpy_scalars,
        empty_strings,
        outer_spaces,
        non_ascii_strings,
        escaped_strings,
        control_characters,
        poly_zz,
        poly_zz_grlex,
        poly_qq_grevlex,
        poly_inverse_orders,
        poly_rr,
        poly_gf2,
        poly_gf7,
        poly_gf_large,
        poly_univariate,
        poly_symbol_names,
        poly_constants,
        poly_negative_leading,
        poly_nested,
        poly_factor_list,
        poly_in_tuples,
        poly_over_polys,
        poly_over_fractions,
        fraction_field_elements,
        dense_polys,
        dense_poly_coefficients,
        expressions,
        power_expressions,
        functions,
        sympy_numbers,
        matrices,
        matrix_rows,
        expr_factor_list,
        sympy_containers,
    )
}

STATISTICS = {
    "int_scalar": int_statistics,
    "flat_lists": flat_statistics,
    "poly_zz": poly_statistics,
    "poly_gf7": poly_statistics,
}
