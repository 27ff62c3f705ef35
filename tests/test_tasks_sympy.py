"""The ready SymPy tasks: right answers, checks that find wrong ones, statistics, determinism."""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from functools import reduce
from operator import mul
from pathlib import Path

import pytest
from sympy import GF, QQ, ZZ, ring
from sympy.polys.rings import PolyElement

from algebraset.backends.sympy import leaf_to_text
from algebraset.errors import Reject
from algebraset.tasks.sympy import polynomial_addition, polynomial_factorization, polynomial_gcd
from algebraset.tasks.sympy._irreducibility import is_irreducible
from algebraset.tasks.sympy._polynomials import polynomial_of, terms_of

SRC = Path(__file__).parents[1] / "src"

ADDITION = [
    {},
    {"field_str": "QQ", "num_bound": 7},
    {"field_str": "RR", "max_coeff": 3.5},
    {"field_str": "GF(7)", "order": "lex", "symbols": ["x", "y", "z"]},
    {"field_str": "ZZ", "strictly_conditioned": False, "nonzero_instance": False, "max_coeff": 1},
]
FACTORIZATION = [
    {},
    {"symbols": "x", "max_degree": 5, "max_num_terms": None},
    {"symbols": "x, y, z", "order": "lex", "max_coeff": 100},
    {"field_str": "QQ"},
    {"field_str": "GF(7)", "symbols": "x", "max_degree": 4},
    {"field_str": "GF(2)", "symbols": "x", "max_degree": 4},
    {"min_degree": 0, "max_degree": 3, "min_factors": 1, "max_factors": 4, "max_coeff": 3},
]
GCD = [
    {},
    {"symbols": "x, y, z", "order": "lex", "max_coeff": 100},
    {"field_str": "QQ"},
    {"field_str": "GF(7)"},
    {"field_str": "GF(2)", "max_degree": 3},
    {"symbols": "x", "max_degree": 5, "min_degree": 0},
]
ALL = (
    [(polynomial_addition, params) for params in ADDITION]
    + [(polynomial_factorization, params) for params in FACTORIZATION]
    + [(polynomial_gcd, params) for params in GCD]
)


def samples(task, params, count):
    made, seed = [], 2**100
    while len(made) < count:
        seed += 1
        try:
            made.append(task.generate(seed, **params))
        except Reject:
            continue
    return made


def text(value):
    return [text(part) for part in value] if isinstance(value, list) else leaf_to_text(value)


def ring_params(params):
    return {name: params[name] for name in ("symbols", "field_str", "order") if name in params}


def name(value):
    return value.__name__.rpartition("_")[2] if hasattr(value, "generate") else None


@pytest.mark.parametrize(("task", "params"), ALL, ids=name)
def test_answers_pass_their_check_as_objects_and_as_text(task, params):
    for problem, answer in samples(task, params, 60):
        assert task.check(problem, answer) is True
        assert task.check(text(problem), text(answer), **ring_params(params)) is True


@pytest.mark.parametrize(("task", "params"), ALL, ids=name)
def test_samples_depend_on_the_seed_only(task, params):
    random.seed(1)
    first = samples(task, params, 5)
    random.seed(2)
    assert text(list(map(list, samples(task, params, 5)))) == text(list(map(list, first)))
    assert len({str(text(list(sample))) for sample in samples(task, params, 30)}) > 5


@pytest.mark.parametrize(("task", "params"), ALL, ids=name)
def test_statistics_are_plain_numbers(task, params):
    for problem, answer in samples(task, params, 10):
        statistics = task.statistics(problem, answer)
        assert set(statistics) == {"problem", "answer"}
        numbers = [n for part in statistics.values() for n in part.values()]
        assert numbers
        assert all(type(n) in (int, float) for n in numbers)
        json.dumps(statistics)


def test_addition_statistics():
    _, x, y = ring("x, y", ZZ)
    assert polynomial_addition.statistics([x**3 - 7, 2 * y], [x**3 - 7, x**3 + 2 * y - 7]) == {
        "problem": {"num_polynomials": 2, "max_degree": 3, "num_terms": 3, "max_coeff": 7},
        "answer": {"max_degree": 3, "num_terms": 5, "max_coeff": 7},
    }


def test_factorization_statistics():
    _, x, y = ring("x, y", ZZ)
    problem = -6 * (x + y) ** 2 * (x - 2)
    assert polynomial_factorization.statistics(problem, [-6 + 0 * x, x - 2, x + y, x + y]) == {
        "problem": {"degree": 3, "num_terms": 6, "max_coeff": 24},
        "answer": {"num_factors": 3, "num_distinct_factors": 2, "max_degree": 1, "num_terms": 6, "max_coeff": 6},
    }


def test_gcd_statistics():
    _, x, y = ring("x, y", ZZ)
    assert polynomial_gcd.statistics([x**3 * y, 9 * x - 9], x**2 * 0 + 5) == {
        "problem": {"max_degree": 4, "num_terms": 3, "max_coeff": 9},
        "answer": {"degree": 0, "num_terms": 1, "max_coeff": 5},
    }


@pytest.mark.parametrize("params", ADDITION)
def test_wrong_sums_are_found(params):
    for problem, answer in samples(polynomial_addition, params, 20):
        check, gen = polynomial_addition.check, problem[0].ring.gens[0]
        for i in range(len(answer)):
            assert not check(problem, [*answer[:i], answer[i] + gen, *answer[i + 1 :]])
            assert not check(problem, [*answer[:i], answer[i] + 1, *answer[i + 1 :]])
        assert not check(problem, answer[:-1])
        assert not check(problem, [*answer, answer[-1]])
        assert not check(text(problem), [*text(answer[:-1]), "x +"], **ring_params(params))
        assert not check(text(problem), [*text(answer[:-1]), "w"], **ring_params(params))


@pytest.mark.parametrize("params", FACTORIZATION)
def test_wrong_factorizations_are_found(params):
    found_merge = 0
    for problem, answer in samples(polynomial_factorization, params, 40):
        check, poly_ring = polynomial_factorization.check, problem.ring
        x = poly_ring.gens[0]
        for i, factor in enumerate(answer):
            others = answer[:i] + answer[i + 1 :]
            assert not check(problem, others)
            assert not check(problem, [*answer[:i], factor + 1, *answer[i + 1 :]])
            assert not check(problem, [*answer[:i], factor * x, *answer[i + 1 :]])
            if poly_ring.domain.characteristic() != 2:
                assert not check(problem, [*answer[:i], -factor, *answer[i + 1 :]])
            nonconstant = [j for j in range(i) if not answer[j].is_ground]
            if nonconstant:
                j = nonconstant[-1]
                merged = [f for k, f in enumerate(answer) if k not in (i, j)] + [answer[i] * answer[j]]
                assert not check(problem, merged)
                found_merge += 1
        assert not check(problem, [poly_ring.one, *answer])
        assert not check(problem, [*answer, poly_ring.one])
        assert not check(problem, [])
        assert not check(text(problem), [*text(answer), "2*"], **ring_params(params))
        if sum(not factor.is_ground for factor in answer) > 1:
            assert not check(problem, [problem])
    assert found_merge


@pytest.mark.parametrize("params", GCD)
def test_wrong_divisors_are_found(params):
    larger = 0
    for problem, answer in samples(polynomial_gcd, params, 40):
        check, domain = polynomial_gcd.check, answer.ring.domain
        gens = answer.ring.gens
        assert not check(problem, answer * gens[0])
        assert not check(problem, answer + 1)
        assert not check(problem, answer * 0)
        if domain.characteristic() != 2:
            assert not check(problem, -answer)
            assert not check(problem, answer * 2)
        if not answer.is_ground:
            assert not check(problem, answer.ring.one)
            larger += 1
        # both divided by the divisor times one more factor in common: then the old divisor is too small
        assert not check([p * (gens[0] + 1) for p in problem], answer)
        assert check([p * (gens[0] + 1) for p in problem], answer * (gens[0] + 1))
        assert not check(text(problem), "x^", **ring_params(params))
    assert larger


def test_gcd_of_integers_counts():
    _, x, _ = ring("x, y", ZZ)
    assert polynomial_gcd.check([6 * x, 4 * x], 2 * x)
    assert not polynomial_gcd.check([6 * x, 4 * x], x)
    assert polynomial_gcd.check([0 * x, 4 * x], 4 * x)
    assert not polynomial_gcd.check([0 * x, 4 * x], 2 * x)


@pytest.mark.parametrize("params", FACTORIZATION)
def test_factors_are_those_of_the_product_in_normal_form(params):
    """The task factors before it multiplies; here the product is factored, and all is compared."""
    for problem, answer in samples(polynomial_factorization, params, 25):
        assert reduce(mul, answer) == problem
        domain = problem.ring.domain
        expected = problem.factor_list()[1]
        factors = [f for f in answer if not f.is_ground]
        assert len(factors) == sum(k for _, k in expected)
        assert {f.monic() if domain.is_Field else f * (1 if f.LC > 0 else -1) for f, _ in expected} == {
            f.monic() if domain.is_Field else f for f in factors
        }
        assert all(f.is_ground for f in answer[: len(answer) - len(factors)])
        assert len(answer) - len(factors) <= 1
        keys = [(max(map(sum, f)), len(f), leaf_to_text(f)) for f in factors]
        assert keys == sorted(keys)
        for f in factors:
            if domain.is_FiniteField:
                assert f.LC - domain.one == 0
            else:
                assert f.LC > 0
                assert f.content() == 1
                assert all(c.denominator == 1 for c in f.values())


@pytest.mark.parametrize("params", GCD)
def test_gcd_is_that_of_the_products(params):
    for (f, g), d in samples(polynomial_gcd, params, 25):
        expected = f.gcd(g)
        assert d == (expected.monic() if f.ring.domain.is_Field else expected * (1 if expected.LC > 0 else -1))


def test_irreducibility():
    _, x, y, z = ring("x, y, z", ZZ)
    irreducible = [
        x, -x, x + y, 2 * x + 3, x**2 + 1, x**4 + 1, x**4 - 10 * x**2 + 1, x**2 + y**2, x**2 - y**3, x * y + z,
        x**5 - x - 1, x**2 * y**2 + z**2 + 1, x**4 + y**4, x**2 - 2 * y**2, x**8 - x**4 * y**4 + y**8,
    ]  # fmt: skip
    for poly in irreducible:
        assert is_irreducible(poly), poly
    for poly in (
        0 * x,
        x**0,
        0 * x + 7,
        2 * x + 4,
        x * y,
        x**2,
        x**2 - y**2,
        x**4 + 4,
        x**4 + 4 * y**4,
        (x**2 + 1) ** 2,
    ):
        assert not is_irreducible(poly), poly
    for f in irreducible:
        for g in irreducible:
            assert not is_irreducible(f * g)


@pytest.mark.parametrize("p", [2, 3, 7])
def test_irreducibility_over_finite_fields_agrees_with_counting(p):
    """There are (p^d - sum of smaller) / d monic irreducible polynomials: for degree 2 (p^2-p)/2, 3 (p^3-p)/3."""
    _, x = ring("x", GF(p))
    lower = [(a, b, c) for a in range(p) for b in range(p) for c in range(p)]
    assert sum(is_irreducible(x**2 + b * x + c) for a, b, c in lower if a == 0) == (p**2 - p) // 2
    assert sum(is_irreducible(x**3 + a * x**2 + b * x + c) for a, b, c in lower) == (p**3 - p) // 3


def test_irreducibility_over_finite_fields_in_two_variables():
    _, x, y = ring("x, y", GF(7))
    assert is_irreducible(x**2 + y**3 + 1)
    assert is_irreducible(x**2 * y + 3)
    assert not is_irreducible(x * y)
    with pytest.raises(NotImplementedError, match="irreducible over GF"):
        is_irreducible((x**2 + y) * (x**2 + y + 1))


def test_text_is_read():
    gens, x, y = ring("x, y", QQ)
    assert polynomial_of("2*x^2*y - 3/2*x + 1", gens) == 2 * x**2 * y - QQ(3, 2) * x + 1
    assert polynomial_of("-y", gens) == -y
    assert polynomial_of(" 0 ", gens) == 0
    assert polynomial_of("x - x", gens) == 0
    other = ring("y, x", ZZ)
    assert polynomial_of(other[1] ** 2 - other[2], gens) == y**2 - x
    reals = ring("x, y", "RR")[0]
    assert terms_of("1.50000000000000*x - 2.5e-20*y + 1.0e+30", reals) == {(1, 0): 1.5, (0, 1): -2.5e-20, (0, 0): 1e30}
    residues = ring("x, y", GF(7))[0]
    assert terms_of("-x + 9", residues) == {(1, 0): 6, (0, 0): 2}
    for wrong in ("", "x +", "x^", "x^-1", "2x", "x**2", "(x + 1)*2", "x/2", "w", "__import__"):
        with pytest.raises(ValueError, match=r"is not a polynomial|unknown variable|Invalid literal"):
            polynomial_of(wrong, gens)


@pytest.mark.parametrize(
    ("task", "params", "message"),
    [
        (polynomial_addition, {"min_polynomials": 0}, "min_polynomials = 0"),
        (polynomial_addition, {"min_polynomials": 4, "max_polynomials": 3}, "min <= max"),
        (polynomial_addition, {"max_polynomials": 2.5}, "integers are needed"),
        (polynomial_addition, {"field_str": "GF(8)"}, "8 is not a prime"),
        (polynomial_factorization, {"min_factors": 0}, "min_factors = 0"),
        (polynomial_factorization, {"field_str": "RR"}, "not factored"),
        (polynomial_factorization, {"field_str": "GF(7)"}, "one variable only"),
        (polynomial_gcd, {"field_str": "RR"}, "no gcd over RR"),
        (polynomial_gcd, {"degree_sampling": "unifrom"}, "'unifrom'"),
    ],
)
def test_wrong_parameters(task, params, message):
    with pytest.raises(ValueError, match=message):
        task.generate(1, **params)


def test_degenerate_samples_are_rejected():
    with pytest.raises(Reject, match="constant product"):
        polynomial_factorization.generate(1, min_degree=0, max_degree=0)
    zero = {"strictly_conditioned": False, "nonzero_instance": False, "min_degree": 0, "max_degree": 0, "max_coeff": 0}
    with pytest.raises(Reject, match="zero polynomial"):
        polynomial_gcd.generate(1, **zero)


SCRIPT = r"""
import json, sys
from algebraset.backends.sympy import leaf_to_text
from algebraset.errors import Reject
import importlib
text = lambda value: [text(part) for part in value] if isinstance(value, list) else leaf_to_text(value)
for name, params in json.loads(sys.argv[1]):
    task = importlib.import_module(name)
    for seed in range(25):
        try:
            problem, answer = task.generate(seed, **params)
        except Reject:
            continue
        print(text(problem), text(answer), task.statistics(problem, answer), task.check(problem, answer))
"""


def test_same_samples_under_other_hash_seeds_and_ground_types():
    arguments = json.dumps([(task.__name__, params) for task, params in ALL])
    digests = {}
    for hash_seed, ground_types in (("0", "python"), ("1", "python"), ("2", "gmpy"), ("3", "flint")):
        environment = {
            **os.environ,
            "PYTHONHASHSEED": hash_seed,
            "SYMPY_GROUND_TYPES": ground_types,  # SymPy falls back to python where one is not installed
            "PYTHONPATH": str(SRC),
            "PYTHONWARNINGS": "ignore",
        }
        done = subprocess.run(
            [sys.executable, "-c", SCRIPT, arguments], env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.count("\n") > 300
        assert "False" not in done.stdout
        digests[hash_seed] = hashlib.sha256(done.stdout.encode()).hexdigest()
    assert len(set(digests.values())) == 1, digests


def test_values_are_ring_elements():
    problem, answer = polynomial_factorization.generate(3)
    assert isinstance(problem, PolyElement)
    assert all(isinstance(factor, PolyElement) for factor in answer)
