"""The SymPy PolynomialSampler: conditions, documented distributions, errors."""

from __future__ import annotations

import math
import pickle
import random
from collections import Counter
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.polys.domains import RR
from sympy.polys.rings import PolyElement

from algebraset.samplers import monomials as monomials_module
from algebraset.samplers.monomials import MonomialChooser, count_monomials, monomials_of_degree, random_monomial
from algebraset.samplers.sympy_polynomials import (
    PolynomialSampler,
    _raw_mpf,
    compute_matrix_max_coefficient,
    compute_max_coefficient,
)


def chi_square_limit(degrees_of_freedom: int) -> float:
    """Return about the 0.99999 quantile of the chi-square distribution (Wilson and Hilferty, 1931)."""
    a = 2 / (9 * degrees_of_freedom)
    return degrees_of_freedom * (1 - a + 4.265 * math.sqrt(a)) ** 3


def assert_follows(observed: Counter, law: dict) -> None:
    """Chi-square test of counts against probabilities {outcome: probability}."""
    assert sum(law.values()) == pytest.approx(1)
    assert set(observed) <= set(law), "impossible outcomes"
    total = sum(observed.values())
    assert min(law.values()) * total >= 5, "too few draws for the test"
    statistic = sum((observed[x] - total * p) ** 2 / (total * p) for x, p in law.items())
    assert statistic < chi_square_limit(len(law) - 1)


def uniform(outcomes) -> dict:
    outcomes = list(outcomes)
    return dict.fromkeys(outcomes, 1 / len(outcomes))


def degree_of(poly: PolyElement) -> int:
    return max((sum(monomial) for monomial in poly), default=0)


def test_chi_square_limit_is_near_the_tables():
    # Exactly 37.33 and 159.02; for one degree of freedom 19.51, where the approximation gives 21.7.
    assert chi_square_limit(8) == pytest.approx(37.33, rel=0.03)
    assert chi_square_limit(90) == pytest.approx(159.02, rel=0.01)
    with pytest.raises(AssertionError):
        assert_follows(Counter({0: 4000, 1: 4600}), uniform([0, 1]))


FIELDS = st.sampled_from(["ZZ", "QQ", "RR", "GF(2)", "GF(7)", "GF101", "GF(2305843009213693951)"])


@st.composite
def parameters(draw):
    min_degree = draw(st.integers(0, 4))
    return {
        "symbols": draw(st.sampled_from(["x", "x, y", "x,y,z", "x(:4)"])),
        "field_str": draw(FIELDS),
        "order": draw(st.sampled_from(["lex", "grlex", "grevlex", "igrevlex"])),
        "max_num_terms": draw(st.none() | st.integers(1, 12)),
        "min_degree": min_degree,
        "max_degree": min_degree + draw(st.integers(0, 3)),
        "degree_sampling": draw(st.sampled_from(["uniform", "fixed"])),
        "term_sampling": draw(st.sampled_from(["uniform", "fixed"])),
        "max_coeff": draw(st.integers(1, 3) | st.integers(1, 10**30)),
        "num_bound": draw(st.integers(1, 3) | st.integers(1, 10**30)),
        "strictly_conditioned": draw(st.booleans()),
        "nonzero_instance": draw(st.booleans()),
    }


@settings(max_examples=300, deadline=None, derandomize=True)
@given(parameters(), st.integers(0, 2**128))
def test_every_polynomial_fulfils_its_conditions(params, seed):
    sampler = PolynomialSampler(**params)
    ring = sampler.get_ring()
    random.seed(seed)
    polynomials = sampler.sample(4)
    for poly in polynomials:
        poly._check()
        assert poly.ring is ring
        assert all(poly.values()), "zero coefficients are not terms"
        degree = sampler.total_degree(poly)
        assert degree == degree_of(poly)
        assert params["min_degree"] <= degree <= params["max_degree"]
        possible = math.comb(params["max_degree"] + ring.ngens, ring.ngens)
        assert len(poly) <= min(possible, params["max_num_terms"] or possible)
        if params["nonzero_instance"] or params["strictly_conditioned"]:
            assert poly
        if params["strictly_conditioned"]:
            if params["degree_sampling"] == "fixed":
                assert degree == params["max_degree"]
            if params["term_sampling"] == "fixed":
                possible = math.comb(degree + ring.ngens, ring.ngens)
                assert len(poly) == min(possible, params["max_num_terms"] or possible)
        for coefficient in poly.values():
            if params["field_str"] in ("ZZ", "RR"):
                assert abs(coefficient) <= params["max_coeff"]
            elif params["field_str"] == "QQ":
                assert abs(coefficient.numerator) <= params["num_bound"]
                assert coefficient.denominator <= params["num_bound"]
    random.seed(seed)
    assert sampler.sample(4) == polynomials
    random.seed(seed)
    assert pickle.loads(pickle.dumps(sampler)).sample(4) == polynomials


def draw_many(count: int, **params) -> list[PolyElement]:
    random.seed(20240229)
    return PolynomialSampler(**{"symbols": "x, y", "field_str": "ZZ", **params}).sample(count)


def test_degree_and_number_of_terms_are_uniform():
    polynomials = draw_many(12000, min_degree=1, max_degree=4, max_num_terms=3)
    assert_follows(
        Counter((degree_of(p), len(p)) for p in polynomials), uniform((d, t) for d in range(1, 5) for t in (1, 2, 3))
    )


def test_fixed_degree_and_number_of_terms():
    polynomials = draw_many(500, max_degree=3, max_num_terms=4, degree_sampling="fixed", term_sampling="fixed")
    assert {(degree_of(p), len(p)) for p in polynomials} == {(3, 4)}
    polynomials = draw_many(500, max_degree=3, max_num_terms=None, degree_sampling="fixed", term_sampling="fixed")
    assert {len(p) for p in polynomials} == {10}


def sparse_degree_first(monomials: list[tuple[int, ...]], degree: int, num_terms: int) -> dict:
    """Law of the set of monomials: draws (degree uniform, then monomial) until num_terms are distinct."""
    sizes = Counter(map(sum, monomials))
    weight = {m: Fraction(1, (degree + 1) * sizes[sum(m)]) for m in monomials}
    law: dict = {frozenset(): Fraction(1)}
    for _ in range(num_terms):
        step: dict = {}
        for chosen, p in law.items():
            left = 1 - sum(weight[m] for m in chosen)
            for m in monomials:
                if m not in chosen:
                    step[chosen | {m}] = step.get(chosen | {m}, 0) + p * weight[m] / left
        law = step
    return law


def dense_degree_first(monomials: list[tuple[int, ...]], num_terms: int) -> dict:
    """Law of the set of monomials: the degree uniform among those with monomials left, then the monomial."""
    law: dict = {frozenset(): Fraction(1)}
    for _ in range(num_terms):
        step: dict = {}
        for chosen, p in law.items():
            left: dict[int, list] = {}
            for m in monomials:
                if m not in chosen:
                    left.setdefault(sum(m), []).append(m)
            for group in left.values():
                for m in group:
                    step[chosen | {m}] = step.get(chosen | {m}, 0) + p / len(left) / len(group)
        law = step
    return law


def given_that(law: dict, condition) -> dict:
    kept = {x: p for x, p in law.items() if condition(x)}
    total = sum(kept.values())
    return {x: float(p / total) for x, p in kept.items()}


def up_to(num_variables: int, degree: int) -> list[tuple[int, ...]]:
    return [m for d in range(degree + 1) for m in monomials_of_degree(num_variables, d)]


@pytest.mark.parametrize("strict", [True, False])
@pytest.mark.parametrize("num_terms", [1, 2, 3])
def test_monomials_follow_the_law_degree_first(strict, num_terms):
    degree = 2  # 6 monomials in 2 variables: 1 and 2 terms are few, 3 are many
    all_monomials = up_to(2, degree)
    few = 2 * num_terms < len(all_monomials)
    law = sparse_degree_first(all_monomials, degree, num_terms) if few else dense_degree_first(all_monomials, num_terms)
    chooser = MonomialChooser(2, degree)
    random.seed(5)
    drawn = [chooser.choose(degree, num_terms, True) for _ in range(8000)]
    assert all(top == max(map(sum, chosen)) for chosen, top in drawn)
    assert_follows(Counter(frozenset(c) for c, _ in drawn), given_that(law, lambda s: True))

    polynomials = draw_many(
        20000, min_degree=2, max_degree=2, max_num_terms=num_terms, term_sampling="fixed", strictly_conditioned=strict
    )
    # Not strict: min_degree = 2 asks for the same top degree.
    assert_follows(
        Counter(frozenset(p.keys()) for p in polynomials), given_that(law, lambda s: max(map(sum, s)) == degree)
    )


@pytest.mark.parametrize("num_terms", [1, 2, 4])
def test_monomials_are_a_uniform_subset_when_the_degree_is_fixed(num_terms):
    polynomials = draw_many(
        12000, max_degree=2, max_num_terms=num_terms, degree_sampling="fixed", term_sampling="fixed"
    )
    subsets = [frozenset(s) for s in combinations(up_to(2, 2), num_terms) if max(map(sum, s)) == 2]
    assert_follows(Counter(frozenset(p.keys()) for p in polynomials), uniform(subsets))


def test_not_strict_without_zero_coefficients_keeps_the_lower_degrees():
    polynomials = draw_many(9000, max_degree=2, max_num_terms=1, degree_sampling="fixed", strictly_conditioned=False)
    assert_follows(Counter(next(iter(p)) for p in polynomials), uniform(up_to(2, 2)))


@pytest.mark.parametrize("nonzero", [True, False])
def test_coefficients(nonzero):
    def coefficients(field_str: str, **bounds) -> Counter:
        random.seed(8)
        sampler = PolynomialSampler(
            "x",
            field_str,
            max_degree=0,
            degree_sampling="fixed",
            nonzero_instance=nonzero,
            strictly_conditioned=False,
            **bounds,
        )
        return Counter(poly.get((0,), 0) for poly in sampler.sample(9000))

    start = 1 if nonzero else 0
    integers = Counter({int(c): k for c, k in coefficients("ZZ", max_coeff=4).items()})
    assert_follows(integers, uniform(c for c in range(-4, 5) if c or not nonzero))
    residues = Counter({int(c) % 7: k for c, k in coefficients("GF(7)").items()})
    assert_follows(residues, uniform(range(start, 7)))
    pairs = [Fraction(n, d) for n in range(-3, 4) for d in range(1, 4) if n or not nonzero]
    rationals = Counter({Fraction(int(c.numerator), int(c.denominator)) if c else Fraction(0): k
                         for c, k in coefficients("QQ", num_bound=3).items()})  # fmt: skip
    assert_follows(rationals, {x: k / len(pairs) for x, k in Counter(pairs).items()})
    tenths = Counter()
    for c, k in coefficients("RR", max_coeff=2.5).items():
        tenths[math.floor((float(c) + 2.5) / 0.5)] += k
    assert_follows(tenths, uniform(range(10)))


@pytest.mark.parametrize("field_str", ["ZZ", "QQ", "GF(1000003)"])
def test_large_coefficient_ranges_have_no_table_and_the_same_law(field_str):
    polynomials = draw_many(
        3000, field_str=field_str, max_degree=0, max_coeff=10**6, num_bound=10**6, strictly_conditioned=False
    )
    values = [c for p in polynomials for c in p.values()]
    if field_str == "GF(1000003)":
        bins = Counter(int(c) % 1000003 * 10 // 1000003 for c in values)
    elif field_str == "ZZ":
        bins = Counter((int(c) + 10**6) * 10 // (2 * 10**6 + 1) for c in values)
    else:
        signs = Counter(c > 0 for c in values)
        return assert_follows(signs, uniform([True, False]))
    assert_follows(bins, uniform(range(10)))


def test_zero_coefficients_are_dropped_when_allowed():
    polynomials = draw_many(
        8000,
        field_str="GF(2)",
        max_degree=1,
        max_num_terms=2,
        term_sampling="fixed",
        degree_sampling="fixed",
        strictly_conditioned=False,
        nonzero_instance=False,
    )
    assert_follows(Counter(len(p) for p in polynomials), {0: 1 / 4, 1: 1 / 2, 2: 1 / 4})
    # strictly_conditioned asks for the drawn number of terms, so no coefficient can be zero
    polynomials = draw_many(200, field_str="GF(2)", max_degree=6, max_num_terms=20, nonzero_instance=False)
    assert all(polynomials)


def test_monomials_without_a_table(monkeypatch):
    monkeypatch.setattr(monomials_module, "TABLE_LIMIT", 0)
    chooser = MonomialChooser(3, 3)
    random.seed(4)
    drawn = Counter(chooser.choose(3, 1, False)[0][0] for _ in range(6000))
    assert_follows(drawn, uniform(up_to(3, 3)))
    first = Counter(sum(chooser.choose(3, 1, True)[0][0]) for _ in range(4000))
    assert_follows(first, uniform(range(4)))
    for num_terms in (1, 5, 10, 15, 20):
        for degree_first in (True, False):
            chosen, top = chooser.choose(3, num_terms, degree_first)
            assert len(set(chosen)) == num_terms
            assert top == max(map(sum, chosen))
    assert sum(chooser.choose_of_degree(3)) == 3
    assert_follows(Counter(random_monomial(3, 2) for _ in range(4000)), uniform(monomials_of_degree(3, 2)))
    with pytest.raises(ValueError, match="21 distinct monomials"):
        chooser.choose(3, 21, True)


def test_large_sizes_need_little_memory():
    random.seed(1)
    poly = PolynomialSampler("x(:30)", "ZZ", max_degree=60, min_degree=60, degree_sampling="fixed").sample()[0]
    assert degree_of(poly) == 60


@pytest.mark.parametrize(("n", "d"), [(1, 0), (1, 5), (2, 3), (3, 4), (5, 2)])
def test_monomials_of_degree_are_all_of_them(n, d):
    listed = monomials_of_degree(n, d)
    assert len(listed) == len(set(listed)) == count_monomials(n, d)
    assert all(len(m) == n and sum(m) == d and min(m) >= 0 for m in listed)
    assert listed == sorted(listed)


def test_matrices():
    import numpy as np

    random.seed(2)
    sampler = PolynomialSampler("x, y", "QQ", max_degree=2)
    first, second = sampler.sample(2, size=(3, 4), matrix_type="unimodular_upper_triangular")
    ring = sampler.get_ring()
    for matrix in (first, second):
        assert isinstance(matrix, np.ndarray)
        assert matrix.shape == (3, 4)
        assert matrix.dtype == object
        assert all(isinstance(entry, PolyElement) for entry in matrix.flat)
        assert all(matrix[i, i] == ring.one for i in range(3))
        assert all(matrix[i, j] == ring.zero for i in range(3) for j in range(i))
        assert all(matrix[i, j] for i in range(3) for j in range(i + 1, 4))
    entries = sampler.sample(1, size=(60, 60), density=0.25)[0]
    drawn = Counter(bool(entry) for entry in entries.flat)
    assert_follows(drawn, {True: 0.25, False: 0.75})
    assert not any(sampler.sample(1, size=(5, 5), density=0.0)[0].flat)
    assert compute_matrix_max_coefficient(entries) == 10
    assert sampler.sample(1, size=(0, 2))[0].shape == (0, 2)


def test_max_coefficient():
    def poly(field_str, *coefficients):
        ring = PolynomialSampler("x", field_str).get_ring()
        return ring.from_dict({(i,): ring.domain.convert(c) for i, c in enumerate(coefficients)})

    assert compute_max_coefficient(poly("ZZ", 3, -(10**40))) == 10**40
    assert compute_max_coefficient(poly("QQ", 3, -2) / 7) == 7
    assert compute_max_coefficient(poly("GF(5)", 3, 4)) == 4
    assert compute_max_coefficient(poly("RR", 0.5, -2.5)) == 2.5
    assert compute_max_coefficient(poly("ZZ")) == 0


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"field_str": "GF(4)"}, "4 is not a prime"),
        ({"field_str": "GF9"}, "9 is not a prime"),
        ({"field_str": "GF(1)"}, "1 is not a prime"),
        ({"field_str": "GF(x)"}, r"'GF\(x\)': allowed are ZZ, QQ, RR, GF\(p\)"),
        ({"field_str": "CC"}, "'CC': allowed are ZZ"),
        ({"order": "degrevlex"}, "'degrevlex': allowed are lex, grlex, grevlex"),
        ({"degree_sampling": "unifrom"}, "degree_sampling = 'unifrom': allowed are 'uniform', 'fixed'"),
        ({"term_sampling": "all"}, "term_sampling = 'all': allowed are 'uniform', 'fixed'"),
        ({"min_degree": 6}, "min_degree = 6 is larger than max_degree = 5"),
        ({"min_degree": -1}, "min_degree = -1"),
        ({"max_degree": 2.5}, "max_degree = 2.5"),
        ({"max_num_terms": 0}, "max_num_terms = 0"),
        ({"max_attempts": 0}, "max_attempts = 0"),
        ({"max_coeff": 0}, "max_coeff = 0 leaves only zero"),
        ({"max_coeff": 0, "strictly_conditioned": False, "nonzero_instance": False, "min_degree": 1}, "max_coeff = 0"),
        ({"max_coeff": -2}, "max_coeff = -2"),
        ({"max_coeff": 2.5}, "max_coeff = 2.5"),
        ({"field_str": "RR", "max_coeff": float("nan")}, "max_coeff = nan"),
        ({"field_str": "QQ", "num_bound": 0}, "num_bound = 0"),
        ({"symbols": ""}, "at least one variable"),
        ({"symbols": "x, x"}, "a variable is repeated"),
    ],
)
def test_wrong_parameters(params, text):
    with pytest.raises(ValueError, match=text):
        PolynomialSampler(**{"symbols": "x, y", "field_str": "ZZ", **params})


@pytest.mark.parametrize(
    ("params", "text"),
    [
        ({"size": (2, 2), "density": 1.5}, "density = 1.5"),
        ({"size": (2, 2), "density": -0.1}, "density = -0.1"),
        ({"size": (2, 2), "matrix_type": "lower"}, "matrix_type = 'lower': allowed are None, 'unimodular_upper"),
        ({"size": (-1, 2)}, r"size\[0\] = -1"),
        ({"num_samples": -1}, "num_samples = -1"),
        ({"density": 0.5}, "for matrices"),
    ],
)
def test_wrong_sample_arguments(params, text):
    with pytest.raises(ValueError, match=text):
        PolynomialSampler("x, y", "ZZ").sample(**params)


def test_a_condition_that_is_not_met_in_time_is_named():
    random.seed(0)
    sampler = PolynomialSampler(
        "x", "ZZ", max_degree=4000, min_degree=4000, max_num_terms=2, term_sampling="fixed", max_attempts=2
    )
    with pytest.raises(RuntimeError, match="total degree 4000 with 2 terms in max_attempts = 2"):
        sampler.sample(20)
    sampler = PolynomialSampler(
        "x",
        "GF(2)",
        max_degree=30,
        min_degree=30,
        max_num_terms=1,
        strictly_conditioned=False,
        nonzero_instance=False,
        max_attempts=1,
    )
    with pytest.raises(RuntimeError, match="total degree >= 30"):
        sampler.sample(20)


def test_rings_are_shared_and_symbols_may_be_a_sequence():
    assert PolynomialSampler("x, y", "GF(7)").get_ring() is PolynomialSampler("x, y", "GF(7)").get_ring()
    assert PolynomialSampler(["x", "y"], "GF7").get_ring() == PolynomialSampler("x, y", "GF(7)").get_ring()
    assert PolynomialSampler("x", "GF7").get_field().characteristic() == 7


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_randbelow_is_in_range(n, seed):
    random.seed(seed)
    assert 0 <= monomials_module.randbelow(n) < n


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_real_coefficients_are_made_as_sympy_makes_them(value):
    ours, theirs = _raw_mpf(value), RR(value)._mpf_
    assert (ours, [type(part) for part in ours]) == (theirs, [type(part) for part in theirs])
