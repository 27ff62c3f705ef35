"""Generate: turn batches into shards. The per-sample loop is here, once, whoever schedules it."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shlex
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

from algebraset.backends import load_backend
from algebraset.config import sample_settings
from algebraset.errors import AlgebrasetError, ConfigError, FormatError, Reject, SampleError
from algebraset.formats import is_ambiguous, json_text, nested_string, text_and_json, text_line
from algebraset.functions import FUNCTION_KEYS, Function, bind_check, bind_generator, load_function
from algebraset.seeds import attempt_seed, sample_seed, seed_loaded
from algebraset.statistics import SplitStatistics, Timing
from algebraset.version import GENERATION_REVISION, __version__
from algebraset.watchdog import Watchdog

DIGEST_SIZE = 16
"""Bytes of a problem's digest. Two of 10**8 different problems share one with a chance below 2**-75."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that making samples needs: the functions, ready to be called, and the settings of the dataset."""

    generate: Callable[[int], Any]
    statistics: Callable[[Any, Any], Mapping[str, Any]] | None
    check: Callable[[Any, Any], Any] | None
    canonical: Callable[[Any], str] | None
    leaf_to_text: Callable[[Any], str]
    root_seed: int
    max_attempts: int
    on_error: str
    ledger: frozenset[tuple[str, int, int]] | None  # attempts to take for timed out, in place of the clock
    save_text: bool
    save_json: bool
    fingerprint: str  # of everything that decides the bytes of a sample
    sources: dict[str, Any]  # SHA-256 of the source file by config key
    versions: dict[str, str]
    repeat: str  # the command that repeats a sample, but for --split and --index


@dataclass(slots=True)
class Samples:
    """Consecutive samples, finished: their bytes, and what is known of them, ready to be merged."""

    text: bytes
    json: bytes
    digests: bytes  # DIGEST_SIZE bytes a sample, of its problem
    statistics: SplitStatistics
    rejected: Counter[str]  # attempts by reason
    timeouts: list[tuple[int, int]]  # index and attempt
    generation_time: Timing
    count: int = 0


class Draw(NamedTuple):
    """One sample as the generator returned it, and how it came about."""

    problem: Any
    answer: Any
    attempt: int
    seconds: float  # of all attempts; the seed of the first was made before
    rejected: Sequence[str]  # reasons
    timeouts: Sequence[int]  # attempts


@dataclass(frozen=True, slots=True)
class Limits:
    """What stands outside the recipe and still decides which attempt at a sample is taken."""

    timeouts: frozenset[tuple[int, int]] = frozenset()  # index and attempt: known to take too long
    held_out: frozenset[bytes] = frozenset()  # digests of problems that the split must not have
    watchdog: Watchdog | None = None


NO_LIMITS = Limits()

_EMPTY_DIGEST = hashlib.blake2b(digest_size=DIGEST_SIZE)  # to be copied: two thirds of the time of a new one


def load_recipe(dataset: Mapping[str, Any], repeat: str = "") -> Recipe:
    """Find the functions of a dataset and check that they fit its parameters.

    Args:
        dataset: at least the keys of `config.sample_settings`.
        repeat: the command that repeats a sample, for error messages.

    Raises:
        ConfigError: a function does not exist, cannot be imported or does not take the parameters.
    """
    backend = load_backend(dataset["backend"])
    functions: dict[str, Function] = {
        key: load_function(dataset[key], dataset["backend"], key) for key in FUNCTION_KEYS if dataset[key] is not None
    }
    params = dataset["generator_params"]
    calls: dict[str, Callable[..., Any]] = {key: function.call for key, function in functions.items()}
    calls["generator"] = bind_generator(calls["generator"], params, dataset["generator"])
    if "check" in calls:
        calls["check"] = bind_check(calls["check"], params)
    sources = {key: function.digest() for key, function in functions.items()}
    # A ready task's source may be reformatted: what it generates is stated by the generation revision.
    deciding = {key: sources[key] for key, function in functions.items() if not function.ready}
    return make_recipe(dataset, calls, backend, sources, deciding, repeat)


def make_recipe(
    dataset: Mapping[str, Any],
    calls: Mapping[str, Callable[..., Any] | None],
    backend: Any,
    sources: Mapping[str, Any],
    deciding: Mapping[str, Any],
    repeat: str,
) -> Recipe:
    """Return the recipe of a dataset.

    Args:
        dataset: at least the keys of `config.sample_settings`.
        calls: the functions by config key; the generator takes the seed alone.
        backend: the backend's module.
        sources: digest of each function's source.
        deciding: those of them whose change makes shards stale.
        repeat: the command that repeats a sample, "" where there is none.

    Raises:
        ConfigError: the ledger is missing or damaged.
    """
    ledger = None
    if dataset["ledger"] is not None:
        ledger = read_ledger(Path(dataset["ledger"]))
        digest = {"ledger": hashlib.sha256(Path(dataset["ledger"]).read_bytes()).hexdigest()}
        sources, deciding = {**sources, **digest}, {**deciding, **digest}
    generate = calls["generator"]
    assert generate is not None  # every dataset has one
    return Recipe(
        generate=generate,
        statistics=calls.get("statistics"),
        check=calls.get("check"),
        canonical=calls.get("canonical"),
        leaf_to_text=backend.leaf_to_text,
        root_seed=dataset["root_seed"],
        max_attempts=dataset["max_attempts"],
        on_error=dataset["on_error"],
        ledger=ledger,
        save_text=dataset["save_text"],
        save_json=dataset["save_json"],
        fingerprint=fingerprint(dataset, deciding),
        sources=dict(sources),
        versions=versions(backend),
        repeat=repeat,
    )


def read_ledger(path: Path) -> frozenset[tuple[str, int, int]]:
    """Read a `timeouts.jsonl`: one `{"split": ..., "index": ..., "attempt": ...}` a line.

    Raises:
        ConfigError: the file is missing or a line is no entry; the text names file and line.
    """
    entries, number = set(), 0
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                number += 1
                entry = json.loads(line)
                entries.add((str(entry["split"]), int(entry["index"]), int(entry["attempt"])))
    except OSError as error:
        raise ConfigError(f"ledger = {str(path)!r}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"ledger = {str(path)!r}, line {number} is no entry of a ledger: {error!r}") from error
    return frozenset(entries)


def fingerprint(dataset: Mapping[str, Any], sources: Mapping[str, Any]) -> str:
    """Return a digest of everything that decides the bytes of a sample."""
    parts = {"revision": GENERATION_REVISION, "sources": dict(sources), **sample_settings(dataset)}
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()


def versions(backend: Any) -> dict[str, str]:
    """Return the versions of Python, algebraset and the backend's libraries."""
    return {"python": platform.python_version(), "algebraset": __version__, **backend.versions()}


def make_samples(recipe: Recipe, split: str, start: int, stop: int, probe: bool, limits: Limits = NO_LIMITS) -> Samples:
    """Make samples `start` to `stop - 1` of a split.

    Args:
        recipe: the dataset's functions and settings.
        split: name of the split.
        start: index of the first sample.
        stop: index after the last sample.
        probe: make the first sample twice, to find a generator that is not a function of its seed.
        limits: which attempts are not to be taken.

    Raises:
        SampleError: a sample could not be made, was wrong or does not fit the formats.
    """
    folder = os.getcwd()
    try:
        return _make_samples(recipe, split, start, stop, probe, limits)
    finally:
        if limits.watchdog is not None:
            limits.watchdog.stop()
        os.chdir(folder)  # a generator may have changed it, and paths are relative to it


def _make_samples(recipe: Recipe, split: str, start: int, stop: int, probe: bool, limits: Limits) -> Samples:
    text: list[str] = []
    lines: list[str] = []
    identities: list[str] = []
    seconds: list[float] = []
    timeouts: list[tuple[int, int]] = []
    later: dict[int, int] = {}  # the attempt that was taken, where it is not the first
    statistics, rejected = SplitStatistics(), Counter[str]()
    compute_statistics, check, canonical = recipe.statistics, recipe.check, recipe.canonical
    leaf_to_text, save_text = recipe.leaf_to_text, recipe.save_text
    if probe and start < stop:
        require_function_of_seed(recipe, split, start, limits)
    index = start - 1  # no enumerate, which would keep the last sample
    for problem, answer, attempt, took, reasons, late in draw_samples(recipe, split, range(start, stop), limits):
        index += 1
        seconds.append(took)
        if reasons:
            later[index] = attempt
            rejected.update(reasons)
            timeouts += [(index, attempt) for attempt in late]
        try:
            if compute_statistics is not None:
                statistics.observe(compute_statistics(problem, answer))
            if check is not None and not check(problem, answer):
                raise SampleError("check returned false: the answer is wrong")
            problem_text, problem_json = text_and_json(problem, leaf_to_text)
            answer_text, answer_json = text_and_json(answer, leaf_to_text)
            identities.append(problem_json if canonical is None else canonical(problem))
            if save_text:
                text.append(f"{problem_text} # {answer_text}\n")
            lines.append(f'{{"problem": {problem_json}, "answer": {answer_json}}}\n')
        except (Exception, SystemExit) as error:
            raise sample_error(recipe, split, index, attempt, error) from error
        # A sample that is kept while the next is made doubles the memory, and what is in the cores' caches goes unused.
        del problem, answer
    if limits.watchdog is not None:
        limits.watchdog.stop()  # what follows is of all samples, and not the last one's time
    try:
        # All digests at the end, as all seeds at the start: a cheap generator runs faster than by turns with them.
        digests = b"".join(map(problem_digest, identities))
    except (TypeError, UnicodeEncodeError) as error:  # no string, or half of a surrogate pair
        raise _first_error(recipe, split, start, later, identities, _require_identity) from error
    del identities
    text_block, json_block = "".join(text), "".join(lines)
    # One look at all lines takes a tenth of the time of a look at each.
    if save_text and is_ambiguous(text_block, json_block, len(lines)):
        raise _first_error(recipe, split, start, later, lines, _require_line_of_text)
    try:
        content = (text_block.encode(), json_block.encode() if recipe.save_json else b"", digests)
    except UnicodeEncodeError as error:
        raise _first_error(recipe, split, start, later, lines, str.encode) from error
    return Samples(*content, statistics, rejected, timeouts, Timing(seconds), stop - start)


def _first_error(
    recipe: Recipe,
    split: str,
    start: int,
    later: Mapping[int, int],
    values: Iterable[Any],
    require: Callable[[Any], Any],
) -> SampleError:
    """Return the error for the first sample that does not fit.

    Args:
        recipe: the dataset's functions and settings.
        split: name of the split.
        start: index of the first sample.
        later: the attempt that was taken, by index, where it is not the first.
        values: a value of each sample; one of them does not fit.
        require: raises `FormatError` or `UnicodeEncodeError` for that.
    """
    for index, value in enumerate(values, start):
        try:
            require(value)
        except (FormatError, UnicodeEncodeError) as error:
            return sample_error(recipe, split, index, later.get(index, 0), error)
    raise AssertionError("all samples together do not fit, and each of them does")


def _require_line_of_text(line_of_json: str) -> None:
    sample = json.loads(line_of_json)
    text_line(sample["problem"], sample["answer"])


def _require_identity(identity: Any) -> bytes:
    """Return the digest of what a problem is compared by."""
    if not isinstance(identity, str):
        raise FormatError(f"canonical must return a string, not {type(identity).__name__}")
    return problem_digest(identity)


def draw_sample(recipe: Recipe, split: str, index: int, limits: Limits = NO_LIMITS, first: int = 0) -> Draw:
    """Make one sample; see `draw_samples`."""
    return Draw(*next(draw_samples(recipe, split, (index,), limits, first)))


def draw_samples(
    recipe: Recipe, split: str, indices: Sequence[int], limits: Limits = NO_LIMITS, first: int = 0
) -> Iterator[tuple[Any, Any, int, float, Sequence[str], Sequence[int]]]:
    """Call the generator with the seeds of attempt `first`, `first` + 1, ... until one is not rejected.

    Yields:
        The fields of `Draw`, sample by sample (as a tuple, which costs a tenth of an object).

    Raises:
        SampleError: the generator raised something else than `Reject`, returned no pair, or rejected all attempts.
    """
    generate, seed_prefix, ledger = recipe.generate, f"{recipe.root_seed}_{split}", recipe.ledger
    known_timeouts, held_out, watchdog = limits.timeouts, limits.held_out, limits.watchdog
    attempts = range(first, recipe.max_attempts)
    seeds = [attempt_seed(seed_prefix, index, first) for index in indices]
    for index, seed in zip(indices, seeds, strict=True):
        begin = perf_counter()
        reasons: list[str] = []
        timeouts: list[int] = []
        for attempt in attempts:
            if (known_timeouts and (index, attempt) in known_timeouts) or (
                ledger and (split, index, attempt) in ledger
            ):
                reasons.append("timeout")
                timeouts.append(attempt)
                continue
            if watchdog is not None:
                watchdog.start(index, attempt)
            try:
                pair = generate(seed if attempt == first else attempt_seed(seed_prefix, index, attempt))
            except Reject as rejection:
                reasons.append(rejection.reason)
                continue
            except (Exception, SystemExit) as error:
                # Memory is the machine's, not the seed's: rejecting for it could not be repeated elsewhere.
                if recipe.on_error == "reject" and not isinstance(error, MemoryError):
                    reasons.append(f"error: {type(error).__name__}")
                    continue
                raise sample_error(recipe, split, index, attempt, error) from error
            try:
                problem, answer = pair
            except (TypeError, ValueError):
                wrong = SampleError(f"the generator must return (problem, answer), it returned {_shorten(repr(pair))}")
                raise sample_error(recipe, split, index, attempt, wrong) from None
            if held_out and _digest_of(recipe, split, index, attempt, problem) in held_out:
                reasons.append("leak")
                del pair, problem, answer
                continue
            yield problem, answer, attempt, perf_counter() - begin, reasons, timeouts
            del pair, problem, answer  # before the next is made; see `_make_samples`
            break
        else:
            raise _all_rejected(recipe, split, index, reasons, len(held_out))


def _all_rejected(recipe: Recipe, split: str, index: int, reasons: list[str], num_held_out: int) -> SampleError:
    counted = ", ".join(f"{reason} ({times} times)" for reason, times in Counter(reasons).most_common())
    message = f"all {recipe.max_attempts} attempts (max_attempts) were rejected: {counted}"
    if "leak" in reasons:
        message += (
            f". The held-out splits have {num_held_out} different problems, and the generator hardly makes any "
            "other: make its problem space larger, the held-out splits smaller, or set leakage to report"
        )
    return sample_error(recipe, split, index, recipe.max_attempts - 1, SampleError(message))


def problem_digest(text: str) -> bytes:
    """Return the digest by which two problems are taken for the same."""
    digest = _EMPTY_DIGEST.copy()
    digest.update(str.encode(text))  # TypeError for all but strings
    return digest.digest()


def sample_problem_digest(recipe: Recipe, split: str, index: int, draw: Draw) -> bytes:
    """Return the digest of a sample's problem, in its canonical form if there is one.

    Raises:
        SampleError: the problem does not fit the formats, or its canonical form cannot be made.
    """
    return _digest_of(recipe, split, index, draw.attempt, draw.problem)


def _digest_of(recipe: Recipe, split: str, index: int, attempt: int, problem: Any) -> bytes:
    try:
        if recipe.canonical is not None:
            return _require_identity(recipe.canonical(problem))
        return problem_digest(json_text(nested_string(problem, recipe.leaf_to_text)))
    except Exception as error:
        raise sample_error(recipe, split, index, attempt, error) from error


def require_function_of_seed(recipe: Recipe, split: str, index: int, limits: Limits = NO_LIMITS) -> None:
    """Make a sample twice, with the global random number generators in different states, and compare.

    Raises:
        SampleError: the two differ.
    """
    outcomes = []
    for state in (1, 2):
        seed_loaded(state)
        draw = draw_sample(recipe, split, index, limits)
        try:
            strings = [nested_string(value, recipe.leaf_to_text) for value in (draw.problem, draw.answer)]
            statistics = SplitStatistics()
            if recipe.statistics is not None:
                statistics.observe(recipe.statistics(draw.problem, draw.answer))
        except (Exception, SystemExit) as error:
            raise sample_error(recipe, split, index, draw.attempt, error) from error
        outcomes.append((strings, statistics.to_state(), draw.attempt))
    if outcomes[0] != outcomes[1]:
        message = (
            "the same seed gave two different samples, so the generator is not a function of its seed. It draws from "
            "a random number generator that it does not seed, or keeps something from one call to the next. Call "
            "algebraset.seed_all(seed) first (it seeds random, NumPy, SymPy and SageMath), or use random.Random(seed) "
            f"or numpy.random.default_rng(seed). The two: {_shorten(outcomes[0][0])} and {_shorten(outcomes[1][0])}"
        )
        raise sample_error(recipe, split, index, draw.attempt, SampleError(message))


def sample_error(recipe: Recipe, split: str, index: int, attempt: int, error: BaseException) -> SampleError:
    """Return an error that names split, index, seed, the exception with its place, and the command to repeat it."""
    seed = sample_seed(recipe.root_seed, split, index, attempt)
    if isinstance(error, AlgebrasetError):
        what = str(error)
    else:
        what = f"{type(error).__name__}: {error}"
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
        if frames:
            what += f" ({frames[-1].filename}, line {frames[-1].lineno})"
    name = f"split {split!r}, index {index}, attempt {attempt}, seed {seed}"
    return SampleError(f"{name}: {what}\nRepeat it with: {repeat_command(recipe, split, index, attempt)}")


def repeat_command(recipe: Recipe, split: str, index: int, attempt: int) -> str:
    """Return what makes one sample again, alone: a shell command, or Python code where there is no config file."""
    if not recipe.repeat:
        return f"instance_generator(algebraset.sample_seed({recipe.root_seed}, {split!r}, {index}, {attempt}))"
    return f"{recipe.repeat} --split {shlex.quote(split)} --index {index}" + (
        f" --attempt {attempt}" if attempt else ""
    )


def require_fixed_hashing(what: str) -> None:
    """Raise if this Python hashes strings randomly, which SymPy's iteration over sets would show in the output.

    Raises:
        ConfigError: PYTHONHASHSEED is not 0.
    """
    if sys.flags.hash_randomization:
        raise ConfigError(f"{what} must run with PYTHONHASHSEED=0 in the environment, so that output repeats")


def _shorten(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 300 else f"{text[:300]}..."
