"""Generators of the golden files of the SageMath backend: small functions of the seed, one for each kind of value.

They import from `sage.rings...` and friends, so that the modular wheels suffice. Random numbers come from Python's own
generator: SageMath's algorithms then have no random state to depend on.
"""

from __future__ import annotations

import random

import numpy as np
import sage.rings.integer
import sage.rings.polynomial.laurent_polynomial_ring  # noqa: F401  (matrix spaces look it up, and do not import it)
from sage.matrix.constructor import matrix
from sage.modules.free_module_element import vector
from sage.rings.finite_rings.finite_field_constructor import GF
from sage.rings.finite_rings.integer_mod_ring import Zmod
from sage.rings.infinity import infinity
from sage.rings.integer_ring import ZZ
from sage.rings.polynomial.polynomial_ring_constructor import PolynomialRing
from sage.rings.rational_field import QQ
from sage.rings.real_mpfr import RR, RealField
from sage.structure.sequence import Sequence


def random_coeff(rng: random.Random, ring):
    """Return an element of ZZ, QQ, RR or a finite field, made of small integers; it may be zero."""
    if ring is QQ:
        return ring(rng.randint(-9, 9)) / rng.randint(1, 9)
    if ring is RR:
        return ring(rng.randint(-999, 999)) / 8
    if ring.is_finite() and ring.degree() > 1:
        return sum((rng.randint(0, 9) * ring.gen() ** k for k in range(ring.degree())), ring.zero())
    return ring(rng.randint(-99, 99))


def random_poly(rng: random.Random, ring, num_terms: int = 3, max_exponent: int = 2):
    """Return a polynomial of `ring`, univariate or not."""
    poly = ring.zero()
    for _ in range(rng.randint(1, num_terms)):
        term = ring(random_coeff(rng, ring.base_ring()))
        for gen in ring.gens():
            term *= gen ** rng.randint(0, max_exponent)
        poly += term
    return poly


def _polys(seed: int, ring):
    """Return two polynomials of `ring`; their sum and zero."""
    rng = random.Random(seed)
    f, g = random_poly(rng, ring), random_poly(rng, ring)
    return [f, g], [f + g, f - f]


# Numbers


def integers(seed: int):
    rng = random.Random(seed)
    a, b = ZZ(rng.randint(1, 999)), ZZ(rng.randint(1, 999))
    return [a, -b, ZZ(0), a**12], a.gcd(b)


def rationals(seed: int):
    rng = random.Random(seed)
    values = [random_coeff(rng, QQ) for _ in range(4)]
    return values, sum(values)


def reals(seed: int):
    rng = random.Random(seed)
    n = rng.randint(1, 99)
    return (
        [RR(n), RR(-n) / 3, RR(0), RR(n).sqrt(), RR(10) ** 30, RR(n) * RR("1e-9")],
        [RealField(100)(n) / 7, RR("NaN"), RR(infinity), infinity, -infinity],
    )


def finite_field_elements(seed: int):
    rng = random.Random(seed)
    return [GF(q)(rng.randint(0, 99)) for q in (2, 7, 101, 2**61 - 1)], Zmod(12)(rng.randint(0, 99))


def extension_field_elements(seed: int):
    rng = random.Random(seed)
    fields = [GF(q, "a") for q in (4, 9, 25, 2**20, 3**5)]
    elements = [random_coeff(rng, field) for field in fields]
    return elements, [[element**2, element + 1] for element in elements[:2]]


def python_and_sage_values(seed: int):
    rng = random.Random(seed)
    n = rng.randint(0, 9)
    return [n, ZZ(n), float(n), RR(n), QQ(n), n == 0, None, "text"], [[np.int64(n), np.float64(n / 10)], "\u2124/n"]


def nested_integers(seed: int):
    rng = random.Random(seed)
    rows = [[ZZ(rng.randint(-9, 9)) for _ in range(rng.randint(1, 3))] for _ in range(rng.randint(1, 3))]
    return rows, [sum(row) for row in rows]


def mixed_lists(seed: int):
    rng = random.Random(seed)
    n = ZZ(rng.randint(2, 99))
    return [n, [n, -n], [], (n, 1)], [(n, [n]), {n: n}, [{n}], n.factor()]


def empty_values(seed: int):
    return [([], []), ([[], []], ""), (ZZ(0), [[]]), ([ZZ(1), []], ())][seed % 4]


# Polynomials


def poly_zz(seed: int):
    return _polys(seed, PolynomialRing(ZZ, "x,y,z", order="lex"))


def poly_qq(seed: int):
    return _polys(seed, PolynomialRing(QQ, "x,y,z", order="degrevlex"))


def poly_deglex(seed: int):
    return _polys(seed, PolynomialRing(ZZ, "x,y,z", order="deglex"))


def poly_local_order(seed: int):
    return _polys(seed, PolynomialRing(QQ, "x,y,z", order="negdegrevlex"))


def poly_rr(seed: int):
    return _polys(seed, PolynomialRing(RR, "x,y", order="degrevlex"))


def poly_gf7(seed: int):
    return _polys(seed, PolynomialRing(GF(7), "x,y,z", order="degrevlex"))


def poly_gf_large(seed: int):
    return _polys(seed, PolynomialRing(GF(2**31 - 1), "x_0,x_1", order="degrevlex"))


def poly_extension_field(seed: int):
    return _polys(seed, PolynomialRing(GF(9, "a"), "x,y", order="degrevlex"))


def poly_univariate(seed: int):
    rng = random.Random(seed)
    rings = [PolynomialRing(base, "x") for base in (ZZ, QQ, RR, GF(7), GF(9, "a"))]
    polys = [random_poly(rng, ring, 3, 5) for ring in rings]
    return polys, [ring.gen() * poly - 1 for ring, poly in zip(rings, polys, strict=True)]


def poly_constants(seed: int):
    rng = random.Random(seed)
    rings = [PolynomialRing(base, names) for base in (ZZ, QQ, RR, GF(5)) for names in ("x", "x,y")]
    return [ring.zero() for ring in rings], [ring(rng.randint(-9, 9)) for ring in rings]


def poly_negative_leading(seed: int):
    rng = random.Random(seed)
    samples = []
    for base in (ZZ, QQ, RR, GF(11)):
        x, y = PolynomialRing(base, "x,y").gens()
        samples.append(-rng.randint(1, 9) * x**3 * y - x + y**2 - 1)
    return samples, samples[seed % 4]


def poly_over_polys(seed: int):
    rng = random.Random(seed)
    t = PolynomialRing(ZZ, "t").gen()
    x = PolynomialRing(t.parent(), "x").gen()
    return (t ** rng.randint(2, 4) - 1) * x**2 + t * x, [t * x - t, x**2 * t]


def poly_nested(seed: int):
    rng = random.Random(seed)
    ring = PolynomialRing(GF(31), "x,y")
    row = [random_poly(rng, ring) for _ in range(4)]
    return [row[:2], row[2:]], [[row[0] * row[1]], row[2], "det"]


def fraction_field_elements(seed: int):
    rng = random.Random(seed)
    x, y = PolynomialRing(QQ, "x,y").gens()
    return [x**2 / (y + rng.randint(1, 9)), x / y], (x - 1) / (x**2 - 1)


# Factorizations, vectors, matrices, sequences


def factorization_univariate(seed: int):
    rng = random.Random(seed)
    problem, answer = [], []
    for base in (ZZ, QQ, GF(7)):
        x = PolynomialRing(base, "x").gen()
        a, b, c = (rng.randint(1, 3) for _ in range(3))
        poly = -2 * (x - a) ** b * (x + c) * (x**2 + 3)
        problem.append(poly)
        answer.append(poly.factor())
    return problem, answer


def factorization_multivariate(seed: int):
    rng = random.Random(seed)
    x, y = PolynomialRing(QQ, "x,y").gens()
    poly = (x + rng.randint(1, 4) * y) ** 2 * (x**2 + y**2 + rng.randint(1, 4))
    return poly, poly.factor()


def factorization_lists(seed: int):
    rng = random.Random(seed)
    x = PolynomialRing(QQ, "x").gen()
    poly = (x - rng.randint(1, 4)) ** 2 * (x + rng.randint(1, 4)) * (x**2 + 1)
    return list(poly.factor()), [[factor, multiplicity] for factor, multiplicity in poly.factor()]


def factorization_extension_field(seed: int):
    rng = random.Random(seed)
    field = GF(9, "a")
    x = PolynomialRing(field, "x").gen()
    poly = (x - field.gen()) ** 2 * (x + rng.randint(0, 2)) * field.gen()
    return poly, poly.factor()


def factorization_numbers(seed: int):
    rng = random.Random(seed)
    n = ZZ(rng.randint(2, 9999))
    return [n, -n, n / 360], [n.factor(), (-n).factor(), (n / 360).factor(), ZZ(1).factor()]


def vectors(seed: int):
    rng = random.Random(seed)
    vectors_ = [vector(base, [random_coeff(rng, base) for _ in range(3)]) for base in (ZZ, QQ, RR, GF(7))]
    return vectors_, [[vectors_[0] * 2, vectors_[1].list()[0]], list(vectors_[1])]


def one_row_matrices(seed: int):
    rng = random.Random(seed)
    rows = [matrix(base, 1, 3, [random_coeff(rng, base) for _ in range(3)]) for base in (ZZ, QQ, RR, GF(7))]
    ring = PolynomialRing(QQ, "x,y")
    polys = matrix(ring, 1, 2, [random_poly(rng, ring), ring.gen(0)])
    return rows, [polys, matrix(ZZ, 0, 2), matrix(ZZ, 1, 1, [seed])]


def matrix_rows(seed: int):
    rng = random.Random(seed)
    m = matrix(QQ, 2, 2, [random_coeff(rng, QQ) for _ in range(4)])
    return [list(row) for row in m.rows()], [m.det(), m.rows()[0], m.list()]


def sequences(seed: int):
    rng = random.Random(seed)
    x, y = PolynomialRing(QQ, "x,y", order="lex").gens()
    ideal = x.parent().ideal([x**2 + rng.randint(1, 5) * y, y**2 - 1])
    return ideal.gens(), [ideal.groebner_basis(), Sequence([x, y**2])]


def groebner_basis(seed: int):
    rng = random.Random(seed)
    ring = PolynomialRing(GF(101), "x,y,z", order="degrevlex")
    x, y, z = ring.gens()
    ideal = ring.ideal([x**2 - rng.randint(1, 9) * y, y**2 + rng.randint(1, 9) * z, z**2 - x + 1])
    return list(ideal.gens()), ideal.groebner_basis()


# Statistics


def poly_statistics(problem, answer):
    """Numbers of a list of polynomials and of their sum."""
    return {
        "problem": {"num_polys": len(problem), "max_degree": max(int(poly.degree()) for poly in problem)},
        "answer": {"is_long": len(answer[0].monomials()) > 4, "max_coeff": float(max(answer[0].coefficients()))},
    }


def flat_statistics(problem, answer):
    """Metrics that stand in no category."""
    return {"max": int(max(problem)), "gcd": int(answer), "log_gcd": float(RR(answer).log())}


CASES = {
    function.__name__: function
    for function in (
        integers,
        rationals,
        reals,
        finite_field_elements,
        extension_field_elements,
        python_and_sage_values,
        nested_integers,
        mixed_lists,
        empty_values,
        poly_zz,
        poly_qq,
        poly_deglex,
        poly_local_order,
        poly_rr,
        poly_gf7,
        poly_gf_large,
        poly_extension_field,
        poly_univariate,
        poly_constants,
        poly_negative_leading,
        poly_over_polys,
        poly_nested,
        fraction_field_elements,
        factorization_univariate,
        factorization_multivariate,
        factorization_lists,
        factorization_extension_field,
        factorization_numbers,
        vectors,
        one_row_matrices,
        matrix_rows,
        sequences,
        groebner_basis,
    )
}

STATISTICS = {"integers": flat_statistics, "poly_zz": poly_statistics}
