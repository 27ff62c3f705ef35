"""Statistics: exact accumulators whose merged result does not depend on how the samples were divided.

Everything is held as integers (floats are integers times a power of two), so addition is exact and merging
is associative and commutative; rounding happens once, when a result is asked for.
"""

from __future__ import annotations

import json
import math
import numbers
import operator
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from operator import mul
from typing import Any

from algebraset.errors import StatisticsError

QUANTILES = (1, 5, 25, 50, 75, 95, 99)
"""The quantiles reported, in percent."""

MAX_DISTINCT = 4096
"""Up to so many distinct values the quantiles of a metric are exact; beyond, values are first rounded."""

SIGNIFICANT_BITS = 10
"""What a value is rounded to (towards zero) beyond `MAX_DISTINCT`: a relative error below 2**-9."""

MAX_PENDING = 2 * MAX_DISTINCT
"""Values of a metric that may wait to be added up together: more than a chunk has (`workers.MAX_CHUNK`)."""


class BaseStatisticsCalculator(ABC):
    """Base class for statistics written as a class: a callable `(problem, answer) -> numbers`."""

    @abstractmethod
    def __call__(self, problem: Any, answer: Any) -> Mapping[str, Any]:
        """Return `{"problem": {metric: number}, "answer": {metric: number}}` or flat `{metric: number}`."""


class IncrementalStatistics:
    """Count, mean, population standard deviation, minimum, maximum and quantiles of one metric.

    Takes ints of any size, floats, bools and NumPy, SymPy or SageMath numbers. Mean and standard deviation are
    computed from exact sums and rounded once. Quantiles are nearest-rank (Hyndman and Fan, "Sample Quantiles in
    Statistical Packages", The American Statistician 50(4), 1996, type 1), exact up to `MAX_DISTINCT` distinct
    values. Whether a metric has more is a property of the whole set of values, so any order of updates and
    merges gives the same result.
    """

    __slots__ = (
        "_histogram",
        "_is_float",
        "_pending",
        "_rounded",
        "_scale",
        "_squares",
        "_total",
        "count",
        "maximum",
        "minimum",
    )

    def __init__(self) -> None:
        self.count = 0
        self.minimum: int | float | None = None
        self.maximum: int | float | None = None
        self._is_float = False
        self._scale = 0  # sums are in units of 2**-scale (squares: 2**-(2 * scale))
        self._total = 0
        self._squares = 0
        self._histogram: dict[int | float, int] = {}
        self._rounded = False
        self._pending: list[int | float] = []  # values not yet added to the sums: in bulk that is cheaper

    def update(self, value: Any) -> None:
        """Add one value.

        Raises:
            StatisticsError: the value is no real number, NaN or infinite.
        """
        kind = type(value)
        if kind is not int:
            if kind is not float:
                value = _as_int_or_float(value)
                kind = type(value)
            if kind is float:
                if value - value != 0.0:  # true for NaN and both infinities
                    raise StatisticsError(f"{value} is not finite")
                self._is_float = True
        pending = self._pending
        pending.append(value)
        if len(pending) > MAX_PENDING:
            self._flush()

    def update_batch(self, values: Iterable[Any]) -> None:
        """Add several values."""
        for value in values:
            self.update(value)

    def merge(self, other: IncrementalStatistics) -> None:
        """Add all values of another accumulator, which stays as it is."""
        self._flush()
        other._flush()
        if other.count == 0:
            return
        self._is_float |= other._is_float
        self.count += other.count
        self._rescale(max(self._scale, other._scale))
        self._total += other._total << (self._scale - other._scale)
        self._squares += other._squares << 2 * (self._scale - other._scale)
        self._extend_range(other.minimum, other.maximum)
        self._count_values(other._histogram, other._rounded)

    def get_statistics(self) -> dict[str, Any]:
        """Return count, mean, std, min, max, quantiles by percent, and whether these are exact.

        Without values all but the count are None. A mean or standard deviation too large for a float is
        returned as an integer.
        """
        self._flush()
        if self.count == 0:
            return {"count": 0, "mean": None, "std": None, "min": None, "max": None, "quantiles": None}
        mean = Fraction(self._total, self.count << self._scale)
        spread = self.count * self._squares - self._total**2
        return {
            "count": self.count,
            "mean": _to_float(mean),
            "std": _root(spread, self.count**2 << 2 * self._scale),
            "min": self._present(self.minimum),
            "max": self._present(self.maximum),
            "quantiles": {f"{percent}%": self._present(value) for percent, value in self._quantiles()},
            "quantiles_exact": not self._rounded,
        }

    def to_state(self) -> dict[str, Any]:
        """Return the accumulator as a JSON value; `from_state` makes an equal one of it."""
        self._flush()
        return {
            "count": self.count,
            "min": self.minimum,
            "max": self.maximum,
            "is_float": self._is_float,
            "scale": self._scale,
            "total": self._total,
            "squares": self._squares,
            "rounded": self._rounded,
            "histogram": sorted(self._histogram.items()),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> IncrementalStatistics:
        """Return the accumulator that `to_state` wrote."""
        self = cls()
        self.count, self.minimum, self.maximum = state["count"], state["min"], state["max"]
        self._is_float, self._scale = state["is_float"], state["scale"]
        self._total, self._squares = state["total"], state["squares"]
        self._rounded, self._histogram = state["rounded"], dict(state["histogram"])
        return self

    def __getstate__(self) -> list[Any]:
        self._flush()
        return [getattr(self, slot) for slot in self.__slots__]

    def __setstate__(self, state: list[Any]) -> None:
        for slot, value in zip(self.__slots__, state, strict=True):
            setattr(self, slot, value)

    def _flush(self) -> None:
        pending, self._pending = self._pending, []
        if not pending:
            return
        self.count += len(pending)
        values: Mapping[int | float, int] = Counter(pending)  # most values repeat
        if self._is_float:
            values = {_canonical(value): times for value, times in values.items()}
            self._add_floats(values)
        else:
            weighted = list(map(mul, values.keys(), values.values()))
            self._total += sum(weighted) << self._scale
            self._squares += sum(map(mul, values.keys(), weighted)) << 2 * self._scale
        self._extend_range(min(values), max(values))
        self._count_values(values, rounded=False)

    def _add_floats(self, values: Mapping[int | float, int]) -> None:
        for value, times in values.items():
            numerator, denominator = value.as_integer_ratio()
            scale = denominator.bit_length() - 1  # the denominator of a float is a power of two
            if scale > self._scale:
                self._rescale(scale)
            numerator <<= self._scale - scale
            self._total += numerator * times
            self._squares += numerator * numerator * times

    def _rescale(self, scale: int) -> None:
        self._total <<= scale - self._scale
        self._squares <<= 2 * (scale - self._scale)
        self._scale = scale

    def _extend_range(self, low: int | float, high: int | float) -> None:
        self.minimum = low if self.minimum is None else min(self.minimum, low)
        self.maximum = high if self.maximum is None else max(self.maximum, high)

    def _count_values(self, values: Mapping[int | float, int], rounded: bool) -> None:
        if rounded and not self._rounded:
            self._histogram, self._rounded = _round_all(self._histogram), True
        elif self._rounded and not rounded:
            values = _round_all(values)
        histogram = self._histogram
        if not histogram:
            histogram.update(values)
        else:
            for value, times in values.items():
                histogram[value] = histogram.get(value, 0) + times
        if not self._rounded and len(histogram) > MAX_DISTINCT:
            self._histogram, self._rounded = _round_all(histogram), True

    def _quantiles(self) -> Iterator[tuple[int, int | float]]:
        ranks = iter(QUANTILES)
        percent = next(ranks, None)
        seen = 0
        for value, times in sorted(self._histogram.items()):
            seen += times
            while percent is not None and 100 * seen >= percent * self.count:
                # A value that was rounded towards zero may lie outside of what was seen.
                yield percent, min(max(value, self.minimum), self.maximum)
                percent = next(ranks, None)

    def _present(self, value: int | float) -> int | float:
        """Show a metric that ever was a float as a float, so that its form depends on no order."""
        if self._is_float and isinstance(value, int):
            return _to_float(Fraction(value))
        return value


class SplitStatistics:
    """The accumulators of all metrics of one split, by category; flat metrics are their own category."""

    def __init__(self) -> None:
        self.metrics: dict[str, IncrementalStatistics | dict[str, IncrementalStatistics]] = {}

    def observe(self, sample: Mapping[str, Any]) -> None:
        """Add what the statistics function returned for one sample.

        Raises:
            StatisticsError: names the metric; raised for values that are no finite numbers and for a name that is
                a category in one sample and a metric in another.
        """
        metrics = self.metrics
        if type(sample) is not dict and not isinstance(sample, Mapping):
            raise StatisticsError(f"the statistics function must return a dict, not {type(sample).__name__}")
        # Looking values up takes less than `items()` of such small dicts.
        for category in sample:
            values = sample[category]
            known = metrics.get(category)
            if type(values) is dict or isinstance(values, Mapping):  # the first test is the faster
                if known is None:
                    known = metrics[_name(category)] = {}
                elif type(known) is not dict:
                    raise StatisticsError(f"{category!r} is a metric in one sample and a category in another")
                for name in values:
                    accumulator = known.get(name)
                    if accumulator is None:
                        accumulator = known[_name(name)] = IncrementalStatistics()
                    try:
                        accumulator.update(values[name])
                    except StatisticsError as error:
                        raise StatisticsError(f"metric {category}.{name}: {error}") from None
            else:
                if known is None:
                    known = metrics[_name(category)] = IncrementalStatistics()
                elif type(known) is dict:
                    raise StatisticsError(f"{category!r} is a category in one sample and a metric in another")
                try:
                    known.update(values)
                except StatisticsError as error:
                    raise StatisticsError(f"metric {category}: {error}") from None

    def merge(self, other: SplitStatistics) -> None:
        """Add all samples of another split's or shard's statistics, which stay as they are.

        Raises:
            StatisticsError: a name is a category here and a metric there.
        """
        for category, theirs in other.metrics.items():
            ours = self.metrics.get(category)
            if ours is None:
                ours = self.metrics[category] = {} if isinstance(theirs, dict) else IncrementalStatistics()
            if isinstance(ours, dict) != isinstance(theirs, dict):
                raise StatisticsError(f"{category!r} is a category in one sample and a metric in another")
            if isinstance(theirs, dict):
                for name, accumulator in theirs.items():
                    ours.setdefault(name, IncrementalStatistics()).merge(accumulator)
            else:
                ours.merge(theirs)

    def result(self) -> dict[str, Any]:
        """Return `{"<category>_stats": {metric: numbers}}`, sorted; a flat metric's numbers stand there directly."""
        return {
            f"{category}_stats": {name: metrics[name].get_statistics() for name in sorted(metrics)}
            if isinstance(metrics, dict)
            else metrics.get_statistics()
            for category, metrics in sorted(self.metrics.items())
        }

    def to_state(self) -> dict[str, Any]:
        """Return the accumulators as a JSON value; `from_state` makes equal ones of it."""
        return {
            category: {"metrics": {name: value.to_state() for name, value in sorted(metrics.items())}}
            if isinstance(metrics, dict)
            else {"metric": metrics.to_state()}
            for category, metrics in sorted(self.metrics.items())
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> SplitStatistics:
        """Return the accumulators that `to_state` wrote."""
        self = cls()
        for category, entry in state.items():
            if "metric" in entry:
                self.metrics[category] = IncrementalStatistics.from_state(entry["metric"])
            else:
                self.metrics[category] = {
                    name: IncrementalStatistics.from_state(value) for name, value in entry["metrics"].items()
                }
        return self


class Timing:
    """Mean, standard deviation, minimum and maximum of seconds: plain floats, since clocks are not reproducible."""

    __slots__ = ("count", "maximum", "minimum", "squares", "total")

    def __init__(self, seconds: Sequence[float] = ()) -> None:
        self.count, self.total, self.squares = len(seconds), sum(seconds), sum(map(mul, seconds, seconds))
        self.minimum, self.maximum = min(seconds, default=math.inf), max(seconds, default=-math.inf)

    def merge(self, other: Timing) -> None:
        """Add all durations of another one."""
        self.count += other.count
        self.total += other.total
        self.squares += other.squares
        self.minimum = min(self.minimum, other.minimum)
        self.maximum = max(self.maximum, other.maximum)

    def to_state(self) -> list[float] | None:
        """Return it as a JSON value, None without durations (JSON has no infinity)."""
        return [self.count, self.total, self.squares, self.minimum, self.maximum] if self.count else None

    @classmethod
    def from_state(cls, state: Iterable[float] | None) -> Timing:
        """Return what `to_state` wrote."""
        self = cls()
        if state is not None:
            self.count, self.total, self.squares, self.minimum, self.maximum = state
        return self

    def result(self) -> dict[str, float] | None:
        """Return mean, std, min and max in seconds, None without durations."""
        if self.count == 0:
            return None
        mean = self.total / self.count
        variance = max(0.0, self.squares / self.count - mean * mean)
        return {"mean": mean, "std": math.sqrt(variance), "min": self.minimum, "max": self.maximum}


def dump_json(value: Any, indent: int | None = None) -> str:
    """Return JSON text in which integers may have any number of digits."""
    with _integers_of_any_size():
        return json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)


def load_json(text: str | bytes) -> Any:
    """Read JSON text in which integers may have any number of digits."""
    with _integers_of_any_size():
        return json.loads(text)


@contextmanager
def _integers_of_any_size() -> Iterator[None]:
    # Python refuses to convert integers of more than 4300 digits, against hostile input; statistics are our own.
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)


def _name(name: Any) -> str:
    if not isinstance(name, str):
        raise StatisticsError(f"names of metrics must be strings, not {name!r}")
    return name


def _as_int_or_float(value: Any) -> int | float:
    """Convert a bool or a number of another library; the branches go from exact to inexact."""
    if type(value).__module__ == "numpy" and getattr(value, "shape", None) == ():
        value = value.item()
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        try:
            return float(value)
        except OverflowError:
            raise StatisticsError(f"a {type(value).__name__} is too large for a float") from None
    if type(value).__module__.startswith("flint.") and hasattr(value, "q"):  # python-flint's rationals, SymPy's over QQ
        return _as_int_or_float(Fraction(int(value.p), int(value.q)))
    with suppress(TypeError, AttributeError):  # an array has the method and still is no number
        return operator.index(value)
    raise StatisticsError(f"{value!r} of type {type(value).__name__} is no real number")


def _canonical(value: int | float) -> int | float:
    """Return the one form of equal values: integral floats as ints, which compare and hash the same."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _round(value: int | float) -> int | float:
    """Keep the first `SIGNIFICANT_BITS` bits of a number (towards zero, exact arithmetic on every machine)."""
    if isinstance(value, int):
        excess = abs(value).bit_length() - SIGNIFICANT_BITS
        if excess <= 0:
            return value
        magnitude = abs(value) >> excess << excess
        return magnitude if value > 0 else -magnitude
    mantissa, exponent = math.frexp(value)
    return _canonical(math.ldexp(math.trunc(math.ldexp(mantissa, SIGNIFICANT_BITS)), exponent - SIGNIFICANT_BITS))


def _round_all(histogram: Mapping[int | float, int]) -> dict[int | float, int]:
    rounded: dict[int | float, int] = {}
    for value, times in histogram.items():
        value = _round(value)
        rounded[value] = rounded.get(value, 0) + times
    return rounded


def _to_float(value: Fraction) -> int | float:
    try:
        return float(value)
    except OverflowError:
        return round(value)


def _root(numerator: int, denominator: int) -> int | float:
    """Return the square root of a non-negative fraction, from an integer root with at least 64 bits."""
    extra = max(0, 65 - (numerator.bit_length() - denominator.bit_length()) // 2)
    return _to_float(Fraction(math.isqrt((numerator << 2 * extra) // denominator), 1 << extra))
