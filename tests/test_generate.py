"""Generate: seeds, rejected attempts, and every way in which a generator, statistics or check can be wrong."""

from __future__ import annotations

import hashlib
import itertools
import json
import random
import re
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest
import sympy.core.random
from helpers import data_files, make, picky_sums, size_statistics, sums
from hypothesis import given
from hypothesis import strategies as st

from algebraset import Reject, SampleError, numpy_seed, sample_seed, seed_all

roots = st.integers(-(10**30), 10**30)
splits = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,10}", fullmatch=True)
indices = st.integers(0, 10**12)


def first_16_bytes(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:32], 16)


@given(roots, splits, indices, st.integers(1, 10**6))
def test_seeds_are_those_of_the_definition(root, split, index, attempt):
    assert sample_seed(root, split, index) == first_16_bytes(f"{root}_{split}_{index}")
    assert sample_seed(root, split, index, attempt) == first_16_bytes(f"{root}_{split}_{index}_{attempt}")


def test_a_known_seed():
    assert sample_seed(42, "train", 0) == 320916422754167885974825684275375124086


@given(st.integers(0, 2**128 - 1))
def test_numpy_takes_the_seed_made_for_it(seed):
    assert 0 <= numpy_seed(seed) < 2**32
    np.random.seed(numpy_seed(seed))


def test_every_bit_of_the_seed_counts_for_numpy():
    seed = sample_seed(42, "train", 0)
    assert len({numpy_seed(seed)} | {numpy_seed(seed ^ (1 << bit)) for bit in range(128)}) == 129


def draw_from_everywhere() -> list[float]:
    return [random.random(), float(np.random.random()), sympy.core.random.random()]


def test_one_call_seeds_random_numpy_and_sympy():
    draws = []
    for seed in (1, sample_seed(42, "train", 0), 1):
        seed_all(seed)
        draws.append(draw_from_everywhere())
    assert draws[0] == draws[2]
    assert all(a != b for a, b in zip(draws[0], draws[1], strict=True))


def failure(folder: Path, generate=sums, statistics=None, **settings) -> str:
    """Run a dataset of three samples that must fail; return the error's text."""
    with pytest.raises(SampleError) as caught:
        make(folder, generate, statistics, **({"num_train_samples": 3, "num_test_samples": 0} | settings)).run()
    assert not (folder / "manifest.json").exists()
    return str(caught.value)


def from_index(start: int, then, otherwise=sums):
    """Return a generator that behaves differently from one sample of "train" on."""
    special = {sample_seed(42, "train", index) for index in range(start, 100)}
    return lambda seed: then(seed) if seed in special else otherwise(seed)


def fail(error: BaseException):
    def generate(seed):
        raise error

    return generate


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_an_error_names_split_index_seed_exception_place_and_how_to_repeat(tmp_path, n_jobs):
    text = failure(tmp_path, from_index(2, fail(ZeroDivisionError("no inverse"))), n_jobs=n_jobs)
    for word in ("'train'", "index 2", str(sample_seed(42, "train", 2)), "ZeroDivisionError: no inverse"):
        assert word in text
    line = fail.__code__.co_firstlineno + 2
    assert f"{__file__}, line {line}" in text
    command = text.splitlines()[-1].removeprefix("Repeat it with: ")
    with pytest.raises(ZeroDivisionError):
        repeat(command, from_index(2, fail(ZeroDivisionError())))


def repeat(command: str, generate) -> None:
    """Run the Python expression that an error of the Python API names."""
    import algebraset

    eval(command, {"algebraset": algebraset, "instance_generator": generate})


def test_the_command_repeats_the_attempt_that_failed(tmp_path):
    bad = sample_seed(42, "train", 1, attempt=2)

    def generate(seed):
        if seed == bad:
            raise ArithmeticError("third time unlucky")
        if seed in (sample_seed(42, "train", 1), sample_seed(42, "train", 1, 1)):
            raise Reject("again")
        return sums(seed)

    text = failure(tmp_path, generate)
    assert "attempt 2" in text and str(bad) in text
    with pytest.raises(ArithmeticError):
        repeat(text.splitlines()[-1].removeprefix("Repeat it with: "), generate)


@pytest.mark.parametrize("code", [None, 0, 1, "message"])
def test_sys_exit_in_a_function_is_a_sample_error(tmp_path, code):
    assert "SystemExit" in failure(tmp_path / "generator", lambda seed: sys.exit(code))
    assert "SystemExit" in failure(tmp_path / "statistics", sums, lambda problem, answer: sys.exit(code))
    assert "SystemExit" in failure(tmp_path / "check", check=lambda problem, answer: sys.exit(code))


@pytest.mark.parametrize("value", [None, 3, "abc", (1,), (1, 2, 3), [], {"problem": 1}])
def test_a_wrong_return_shape_is_shown(tmp_path, value):
    text = failure(tmp_path, from_index(1, lambda seed: value))
    assert "(problem, answer)" in text and repr(value) in text and "index 1" in text


@pytest.mark.parametrize("result", [False, None, 0, []])
def test_an_answer_that_the_check_refuses_is_an_error(tmp_path, result):
    text = failure(tmp_path, check=lambda problem, answer: result)
    assert "check" in text and "index 0" in text


def test_an_error_in_the_check_or_the_statistics_names_the_sample(tmp_path):
    for name, settings in {
        "check": {"check": lambda p, a: p[9]},
        "statistics": {"statistics": lambda p, a: p[9]},
    }.items():
        text = failure(tmp_path / name, **settings)
        assert "IndexError" in text and "index 0" in text and __file__ in text


def test_the_check_runs_on_every_sample(tmp_path):
    last = from_index(2, lambda seed: ([1], "wrong"))
    assert "index 2" in failure(tmp_path, last, check=lambda problem, answer: sum(problem) == answer)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "1", None, 1j])
def test_statistics_that_are_no_numbers_name_sample_and_metric(tmp_path, value):
    def statistics(problem, answer):
        return {"problem": {"size": value if answer == "bad" else 1}}

    text = failure(tmp_path, from_index(1, lambda seed: ([1], "bad")), statistics)
    assert "problem.size" in text and "index 1" in text and str(sample_seed(42, "train", 1)) in text


class Leaf:
    """A leaf that can be looked for: numbers and strings cannot."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def __str__(self) -> str:
        return str(self.seed)


def test_a_sample_is_freed_before_the_next_is_made(tmp_path):
    leaves, alive = weakref.WeakSet(), []

    def generate(seed):
        alive.append(len(leaves))
        problem, answer = Leaf(seed), Leaf(seed)
        leaves.update((problem, answer))
        return problem, [answer]

    functions = {"check": lambda problem, answer: True, "canonical": str}
    make(
        tmp_path, generate, lambda problem, answer: {"size": 1}, num_train_samples=5, num_test_samples=0, **functions
    ).run()
    assert alive[2:] == [0] * 5  # the first sample was made twice before, to be compared


def test_statistics_may_be_integers_beyond_4300_digits(tmp_path):
    make(tmp_path, statistics=lambda problem, answer: {"huge": 10**5000 + answer}).run()
    text = (tmp_path / "statistics.json").read_text()
    assert re.search(r'"max": 1\d{5000},', text)


@pytest.mark.parametrize("leaf", ["a#b", "a|b", "a\nb", "a\u2028b"])
def test_a_leaf_that_corrupts_text_names_the_sample_and_is_fine_in_json_lines(tmp_path, leaf):
    generate = from_index(1, lambda seed: ([leaf], 1))
    text = failure(tmp_path, generate)
    assert repr(leaf) in text and "index 1" in text and "save_text" in text
    make(tmp_path / "json", generate, None, save_text=False, num_train_samples=3).run()
    lines = (tmp_path / "json" / "train_data.jsonl").read_text(encoding="utf-8").split("\n")
    assert json.loads(lines[1])["problem"] == [leaf]


@pytest.mark.parametrize("leaf", ["a#b", "\ud800"])
def test_a_sample_that_fits_no_format_is_named_with_its_attempt(tmp_path, leaf):
    rejected = sample_seed(42, "train", 1)

    def generate(seed):
        if seed == rejected:
            raise Reject("the first attempt")
        return [leaf if seed == sample_seed(42, "train", 1, 1) else "a"], 1

    text = failure(tmp_path, generate, None)
    assert "index 1, attempt 1" in text and str(sample_seed(42, "train", 1, 1)) in text


@pytest.mark.parametrize(
    ("identity", "what"), [(7, "canonical must return a string, not int"), ("\ud800", "surrogate")]
)
def test_a_canonical_form_that_cannot_be_compared_names_the_sample(tmp_path, identity, what):
    bad = sample_seed(42, "train", 1)

    def canonical(seed):
        return identity if seed == bad else str(seed)

    for leakage in ("report", "reject"):  # found after all samples of a chunk, or in the middle of one
        text = failure(tmp_path / leakage, lambda seed: (seed, 1), None, canonical=canonical, leakage=leakage)
        assert what in text and "index 1" in text


def test_deep_nesting_names_the_sample(tmp_path):
    text = failure(tmp_path, from_index(1, lambda seed: ([[[1]]], 1)))
    assert "two levels" in text and "index 1" in text


def test_rejections_are_counted_and_retried_with_the_next_attempts_seed(tmp_path):
    make(tmp_path, picky_sums, size_statistics, num_train_samples=60, batch_size=7).run()
    reasons = {"zero": 0, "multiple of five": 0}
    expected = []
    for index in range(60):
        for attempt in itertools.count():
            try:
                expected.append(picky_sums(sample_seed(42, "train", index, attempt)))
                break
            except Reject as rejection:
                reasons[rejection.reason] += 1
    lines = (tmp_path / "train_data.jsonl").read_text().splitlines()
    written = [(json.loads(line)["problem"], json.loads(line)["answer"]) for line in lines]
    assert written == [([str(number) for number in problem], str(answer)) for problem, answer in expected]
    statistics = json.loads((tmp_path / "statistics.json").read_text())["splits"]["train"]
    assert statistics["rejected"] == dict(sorted(reasons.items()))
    assert all(reasons.values())


def test_too_many_rejections_list_the_reasons(tmp_path):
    attempts = iter("aababaab" * 100)

    def generate(seed):
        raise Reject(f"reason {next(attempts)}")

    text = failure(tmp_path, generate, max_attempts=8)
    assert "all 8 attempts (max_attempts)" in text and "index 0" in text
    assert "reason a (5 times), reason b (3 times)" in text


def test_max_attempts_counts_attempts(tmp_path):
    seeds = []

    def generate(seed):
        seeds.append(seed)
        raise Reject

    failure(tmp_path, generate, max_attempts=3)
    assert seeds == [sample_seed(42, "train", 0, attempt) for attempt in range(3)]


def test_reject_survives_pickling():
    import pickle

    rejection = pickle.loads(pickle.dumps(Reject("why")))
    assert type(rejection) is Reject and rejection.reason == "why"
    assert Reject().reason == "rejected"


def stateful():
    counter = itertools.count()
    return lambda seed: ([seed % 5], next(counter))


UNSEEDED = {
    "random": lambda: lambda seed: ([random.random()], 1),
    "numpy": lambda: lambda seed: ([float(np.random.random())], 1),
    "numpy default_rng": lambda: lambda seed: ([float(np.random.default_rng().random())], 1),
    "sympy": lambda: lambda seed: ([sympy.core.random.random()], 1),
    "own generator of the system's entropy": lambda: lambda seed: ([random.Random().random()], 1),
    "state": stateful,
    "answer only": lambda: lambda seed: ([1], random.random()),
}


@pytest.mark.parametrize("kind", UNSEEDED)
def test_a_generator_that_is_no_function_of_its_seed_is_found(tmp_path, kind):
    text = failure(tmp_path, UNSEEDED[kind]())
    assert "not a function of its seed" in text and "index 0" in text
    for helper in ("algebraset.seed_all(seed)", "random.Random(seed)", "numpy.random.default_rng(seed)"):
        assert helper in text


def test_a_statistics_function_that_draws_random_numbers_is_found(tmp_path):
    text = failure(tmp_path, sums, lambda problem, answer: {"noise": random.random()})
    assert "same seed" in text and "index 0" in text


def test_the_first_sample_of_every_batch_is_checked(tmp_path):
    """A generator that goes wrong late is found at the first batch that starts there."""
    text = failure(tmp_path, from_index(4, UNSEEDED["random"]()), num_train_samples=12, batch_size=3)
    assert "index 6" in text


@pytest.mark.parametrize(
    "seed_generator",
    [
        random.seed,
        lambda seed: np.random.seed(numpy_seed(seed)),
        lambda seed: sympy.core.random.seed(seed),
        seed_all,
    ],
)
def test_a_seeded_generator_is_accepted_and_repeats(tmp_path, seed_generator):
    def generate(seed):
        seed_generator(seed)
        numbers = draw_from_everywhere()
        return [numbers[position] for position in seeded], 1

    seeded = [position for position in range(3) if is_seeded_by(seed_generator, position)]
    assert seeded
    for name, batch_size in (("a", 5), ("b", 2)):
        make(tmp_path / name, generate, None, num_train_samples=6, num_test_samples=0, batch_size=batch_size).run()
    assert data_files(tmp_path / "a") == data_files(tmp_path / "b")


def is_seeded_by(seed_generator, position: int) -> bool:
    draws = []
    for _ in range(2):
        seed_generator(5)
        draws.append(draw_from_everywhere()[position])
    return draws[0] == draws[1]
