"""Statistics: exact values, and the same bytes however the values are divided, merged, stored or sent."""

from __future__ import annotations

import math
import pickle
import random
import statistics as stdlib
import sys
from decimal import Decimal
from fractions import Fraction
from unittest.mock import patch

import gmpy2
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from algebraset import BaseStatisticsCalculator, IncrementalStatistics, StatisticsError
from algebraset.statistics import QUANTILES, SplitStatistics, Timing, dump_json, load_json

finite = st.floats(allow_nan=False, allow_infinity=False)
special = st.sampled_from(
    [0, 0.0, -0.0, 1, 1.0, True, False, 5e-324, -5e-324, 2.2250738585072014e-308, 1.7976931348623157e308]
    + [10**308, 2**53 + 1, float(2**53), -(10**400), 0.1, 0.3, 1e22, 10**22, 10**4400, -(2**20000)]
)
moderate = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)
foreign = st.one_of(
    st.integers(-(2**31), 2**31 - 1).map(np.int32),
    st.integers(0, 2**64 - 1).map(np.uint64),
    finite.map(np.float64),
    st.floats(width=32, allow_nan=False, allow_infinity=False).map(np.float32),
    st.booleans().map(np.bool_),
    st.integers(-9, 9).map(np.array),
    st.integers().map(sympy.Integer),
    st.fractions(max_denominator=10**6).map(lambda value: sympy.Rational(value.numerator, value.denominator)),
    moderate.map(lambda value: sympy.Float(float(value))),
    st.integers().map(gmpy2.mpz),
    st.fractions(max_denominator=10**6),
)
anything = st.integers() | finite | st.booleans() | special | foreign


def exact(value) -> Fraction:
    """Return the number that a value stands for: integers as they are, all others as floats."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.item()
    if isinstance(value, bool | int | sympy.Integer | type(gmpy2.mpz())):
        return Fraction(int(value))
    return Fraction(float(value))


def accumulate(values) -> IncrementalStatistics:
    accumulator = IncrementalStatistics()
    accumulator.update_batch(values)
    return accumulator


def through_json(accumulator):
    return type(accumulator).from_state(load_json(dump_json(accumulator.to_state())))


def through_pickle(accumulator):
    return pickle.loads(pickle.dumps(accumulator))


ROUND_TRIPS = [lambda accumulator: accumulator, through_json, through_pickle]


def merge_in_any_tree(parts: list, rng: random.Random):
    """Merge accumulators in a random order and association, each sent through a random round trip on the way."""
    parts = list(parts)
    while len(parts) > 1:
        first = parts.pop(rng.randrange(len(parts)))
        second = rng.choice(ROUND_TRIPS)(parts.pop(rng.randrange(len(parts))))
        first.merge(second)
        parts.append(rng.choice(ROUND_TRIPS)(first))
    return parts[0]


def divide(values: list, rng: random.Random) -> list[list]:
    """Divide values among up to five groups, some perhaps empty, in a random order."""
    groups: list[list] = [[] for _ in range(rng.randint(1, 5))]
    for value in rng.sample(values, len(values)):
        rng.choice(groups).append(value)
    return groups


def nearest_rank(values: list[Fraction], percent: int) -> Fraction:
    return sorted(values)[math.ceil(Fraction(percent * len(values), 100)) - 1]


def to_number(value: Fraction) -> int | float:
    try:
        return float(value)
    except OverflowError:
        return round(value)


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, min_size=1, max_size=40))
def test_results_are_those_of_exact_arithmetic(values):
    numbers = [exact(value) for value in values]
    result = accumulate(values).get_statistics()
    assert result["count"] == len(values)
    mean = sum(numbers) / len(numbers)
    assert result["mean"] == to_number(mean)
    variance = sum((number - mean) ** 2 for number in numbers) / len(numbers)
    error = abs(Fraction(result["std"]) - Fraction(math.isqrt(int(variance * 2**2400)), 2**1200))
    assert error <= Fraction(result["std"]) * Fraction(1, 2**52) + Fraction(5e-324)
    assert result["min"] == to_number(min(numbers)) or result["min"] == min(numbers)
    assert result["max"] == to_number(max(numbers)) or result["max"] == max(numbers)
    for percent in QUANTILES:
        expected = nearest_rank(numbers, percent)
        assert result["quantiles"][f"{percent}%"] in (expected, to_number(expected))
    assert result["quantiles_exact"] is True


@given(st.lists(moderate, min_size=1, max_size=60))
def test_agrees_with_the_standard_library(values):
    result = accumulate(values).get_statistics()
    numbers = [Fraction(value) for value in values]
    assert result["mean"] == float(stdlib.mean(numbers))
    assert math.isclose(result["std"], stdlib.pstdev(numbers), rel_tol=2**-51)
    assert (result["min"], result["max"]) == (min(values), max(values))


def test_agrees_with_numpy():
    data = np.random.default_rng(7).normal(100, 15, 3000)
    result = accumulate(data).get_statistics()
    assert math.isclose(result["mean"], data.mean(), rel_tol=1e-14)
    assert math.isclose(result["std"], data.std(), rel_tol=1e-12)
    for percent in QUANTILES:
        assert result["quantiles"][f"{percent}%"] == np.quantile(data, percent / 100, method="inverted_cdf")


def test_does_not_cancel_where_naive_sums_do():
    values = [1e16 + delta for delta in (0, 2, 4)]
    assert accumulate(values).get_statistics()["std"] == math.sqrt(8 / 3)
    assert accumulate([0.1] * 10).get_statistics()["mean"] == 0.1
    assert accumulate([0.1] * 10).get_statistics()["std"] == 0.0
    assert accumulate([1e308, 1e308, -1e308, -1e308]).get_statistics()["mean"] == 0.0


@settings(max_examples=150, deadline=None)
@given(st.lists(anything, max_size=40), st.randoms(use_true_random=False))
def test_any_partition_and_merge_order_gives_the_same_bytes(values, rng):
    expected = dump_json(accumulate(values).get_statistics())
    parts = [accumulate(group) for group in divide(values, rng)]
    assert dump_json(merge_in_any_tree(parts, rng).get_statistics()) == expected


@settings(max_examples=100, deadline=None)
@given(st.lists(moderate | special, max_size=60), st.integers(1, 12), st.randoms(use_true_random=False))
def test_partition_does_not_show_beyond_the_limit_of_distinct_values_either(values, limit, rng):
    with patch.multiple("algebraset.statistics", MAX_DISTINCT=limit, MAX_PENDING=limit):
        whole = accumulate(values)
        expected = dump_json(whole.get_statistics())
        parts = [accumulate(group) for group in divide(values, rng)]
        merged = merge_in_any_tree(parts, rng)
        assert dump_json(merged.get_statistics()) == expected
        assert dump_json(merged.to_state()) == dump_json(whole.to_state())
        if values:
            distinct = len({exact(value) for value in values})
            assert merged.get_statistics()["quantiles_exact"] is (distinct <= limit)


@settings(max_examples=100, deadline=None)
@given(st.lists(anything, min_size=1, max_size=60), st.integers(1, 5))
def test_rounded_quantiles_are_within_the_documented_error(values, limit):
    with patch.multiple("algebraset.statistics", MAX_DISTINCT=limit, MAX_PENDING=limit):
        result = accumulate(values).get_statistics()
    numbers = [exact(value) for value in values]
    for percent in QUANTILES:
        expected = nearest_rank(numbers, percent)
        error = abs(Fraction(result["quantiles"][f"{percent}%"]) - expected)
        assert error == 0 or error < abs(expected) * Fraction(1, 2**9)
    assert Fraction(result["mean"]) == Fraction(to_number(sum(numbers) / len(numbers)))


def test_the_real_limit_of_distinct_values():
    exactly = accumulate(range(4096)).get_statistics()
    beyond = accumulate(range(4097)).get_statistics()
    assert exactly["quantiles_exact"] and exactly["quantiles"]["99%"] == 4055
    assert not beyond["quantiles_exact"]
    assert abs(beyond["quantiles"]["99%"] - 4056) < 4056 / 512
    assert (beyond["mean"], beyond["min"], beyond["max"]) == (2048.0, 0, 4096)


@given(st.lists(anything, max_size=20), st.lists(anything, max_size=20))
def test_merging_leaves_the_other_accumulator_as_it_is(mine, theirs):
    other = accumulate(theirs)
    before = dump_json(other.get_statistics())
    merged = accumulate(mine)
    merged.merge(other)
    merged.update_batch(theirs)
    assert dump_json(other.get_statistics()) == before


@given(st.lists(anything, max_size=20), st.lists(anything, max_size=20))
def test_asking_for_results_in_between_changes_nothing(first, second):
    accumulator = accumulate(first)
    accumulator.get_statistics()
    accumulator.to_state()
    accumulator.update_batch(second)
    assert dump_json(accumulator.get_statistics()) == dump_json(accumulate(first + second).get_statistics())


def test_without_values_all_but_the_count_are_none():
    assert IncrementalStatistics().get_statistics() == {
        "count": 0,
        "mean": None,
        "std": None,
        "min": None,
        "max": None,
        "quantiles": None,
    }


def test_an_accumulator_without_values_is_neutral():
    for values in ([], [1, 2.5]):
        left, right = accumulate([]), accumulate(values)
        left.merge(accumulate(values))
        right.merge(accumulate([]))
        assert left.get_statistics() == right.get_statistics() == accumulate(values).get_statistics()


def test_metric_that_ever_was_a_float_is_shown_as_float_and_minus_zero_as_zero():
    for values in ([1, 2.0], [2.0, 1]):
        result = accumulate(values).get_statistics()
        assert [type(result[key]) for key in ("min", "max")] == [float, float]
        assert {type(value) for value in result["quantiles"].values()} == {float}
    assert dump_json(accumulate([-0.0, 0.0]).get_statistics()) == dump_json(accumulate([0.0, -0.0]).get_statistics())
    assert str(accumulate([-0.0]).get_statistics()["min"]) == "0.0"
    assert {type(value) for value in accumulate([True, 3]).get_statistics()["quantiles"].values()} == {int}


def test_integers_beyond_4300_digits():
    huge = 10**5000
    values = [huge, huge + 2, -huge]
    result = accumulate(values).get_statistics()
    assert (result["min"], result["max"], result["quantiles"]["50%"]) == (-huge, huge + 2, huge)
    assert result["mean"] == round(Fraction(huge + 2, 3)) and isinstance(result["mean"], int)
    root = math.isqrt((2 * huge) ** 2 * 2 // 9)
    assert isinstance(result["std"], int) and abs(result["std"] - root) <= 2
    assert load_json(dump_json(result)) == result
    assert through_json(accumulate(values)).get_statistics() == result


def test_std_of_huge_values_that_lie_close_together_is_a_float():
    huge = 10**5000
    assert accumulate([huge, huge + 2]).get_statistics()["std"] == 1.0


def test_the_limit_on_integer_digits_is_restored():
    before = sys.get_int_max_str_digits()
    load_json(dump_json({"huge": 10**5000}))
    assert sys.get_int_max_str_digits() == before


NO_NUMBERS = {
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "str": "1",
    "None": None,
    "complex": 1j,
    "Decimal": Decimal(1),
    "list": [1],
    "numpy nan": np.float64("nan"),
    "numpy inf": np.float32("inf"),
    "numpy complex": np.complex128(1),
    "numpy str": np.str_("1"),
    "numpy array of one": np.array([1]),
    "numpy array of two": np.array([1, 2]),
    "numpy array of a float": np.array([0.5]),
    "sympy nan": sympy.nan,
    "sympy oo": sympy.oo,
    "sympy I": sympy.I,
    "sympy symbol": sympy.Symbol("x"),
    "fraction beyond floats": Fraction(10**400, 3),
    "fraction beyond 4300 digits": Fraction(10**5000, 3),
    "sympy rational beyond floats": sympy.Rational(10**400, 3),
}


@pytest.mark.parametrize("value", NO_NUMBERS.values(), ids=NO_NUMBERS.keys())
@pytest.mark.parametrize(
    "wrap", [lambda v: {"problem": {"size": v}}, lambda v: {"problem.size": v}], ids=["in", "flat"]
)
def test_values_that_are_no_finite_numbers_are_errors_that_name_the_metric(value, wrap):
    statistics = SplitStatistics()
    statistics.observe(wrap(1))
    with pytest.raises(StatisticsError, match=r"problem\.size"):
        statistics.observe(wrap(value))


@pytest.mark.parametrize("text", ["3/2", "-7"])
def test_elements_of_sympy_domains_are_numbers_under_all_ground_types(text):
    value = sympy.QQ.from_sympy(sympy.Rational(text))
    assert accumulate([value]).get_statistics()["min"] == Fraction(text)


def test_python_flint_numbers_are_numbers():
    flint = pytest.importorskip("flint")
    result = accumulate([flint.fmpz(10**30), flint.fmpq(1, 2)]).get_statistics()
    assert (result["min"], result["max"]) == (0.5, 1e30)


@pytest.mark.parametrize("wrong", [None, 3, [1], "text", {1: 2}, {"a": {1: 2}}, {None: {"b": 1}}])
def test_statistics_of_a_wrong_shape_are_errors(wrong):
    with pytest.raises(StatisticsError):
        SplitStatistics().observe(wrong)


@pytest.mark.parametrize("first, second", [({"a": 1}, {"a": {"b": 1}}), ({"a": {"b": 1}}, {"a": 1})])
def test_a_name_is_a_metric_or_a_category_in_all_samples(first, second):
    both = SplitStatistics()
    both.observe(first)
    with pytest.raises(StatisticsError, match="'a'"):
        both.observe(second)
    left, right = SplitStatistics(), SplitStatistics()
    left.observe(first)
    right.observe(second)
    with pytest.raises(StatisticsError, match="'a'"):
        left.merge(right)


def test_categories_and_flat_metrics_stand_under_their_names():
    statistics = SplitStatistics()
    statistics.observe({"problem": {"b": 1, "a": 2}, "answer": {}, "flat": True})
    result = statistics.result()
    assert list(result) == ["answer_stats", "flat_stats", "problem_stats"]
    assert list(result["problem_stats"]) == ["a", "b"]
    assert result["answer_stats"] == {}
    assert result["flat_stats"] == accumulate([True]).get_statistics()


def test_metrics_may_be_missing_in_some_samples():
    statistics = SplitStatistics()
    for sample in ({"a": {"x": 1}}, {"a": {"y": 2}}, {}, {"b": 3}):
        statistics.observe(sample)
    result = statistics.result()
    assert [result["a_stats"]["x"]["count"], result["a_stats"]["y"]["count"], result["b_stats"]["count"]] == [1, 1, 1]


categories = st.dictionaries(
    st.sampled_from(["problem", "answer"]), st.dictionaries(st.sampled_from("xyz"), anything, max_size=3)
)
samples = st.builds(lambda nested, flat: nested | flat, categories, st.dictionaries(st.just("flat"), anything))


@settings(max_examples=60, deadline=None)
@given(st.lists(samples, max_size=15), st.randoms(use_true_random=False))
def test_any_sharding_of_samples_gives_the_same_bytes(observed, rng):
    def collect(group):
        statistics = SplitStatistics()
        for sample in group:
            statistics.observe(sample)
        return statistics

    expected = collect(observed)
    parts = [collect(group) for group in divide(observed, rng)]
    merged = merge_in_any_tree(parts, rng)
    assert dump_json(merged.result()) == dump_json(expected.result())
    assert dump_json(merged.to_state()) == dump_json(expected.to_state())


def test_statistics_may_be_written_as_a_class():
    class Sizes(BaseStatisticsCalculator):
        def __call__(self, problem, answer):
            return {"size": len(problem)}

    assert Sizes()([1, 2], 3) == {"size": 2}
    with pytest.raises(TypeError):
        BaseStatisticsCalculator()


def test_timing_merges_to_the_result_of_all_durations():
    durations = [0.25, 0.5, 1.0, 4.0]
    whole, left, right = Timing(durations), Timing(durations[1::2]), Timing(durations[::2])
    left.merge(Timing.from_state(load_json(dump_json(right.to_state()))))
    assert left.result() == whole.result()
    assert whole.result()["mean"] == 1.4375
    assert math.isclose(whole.result()["std"], stdlib.pstdev(durations))
    assert Timing().result() is None
    assert Timing.from_state(load_json(dump_json(Timing().to_state()))).result() is None
