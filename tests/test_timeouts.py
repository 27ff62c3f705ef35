"""Bad samples: timeouts wherever the time is spent, their ledger, exceptions that reject, and recycled workers."""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import pytest
from helpers import make, picky_sums, size_statistics, sums
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow_helpers import data_bytes, read_json, snakemake, write_config

from algebraset import ConfigError, Reject, SampleError, sample_seed

Attempt = tuple[str, int, int]  # split, index, attempt: an entry of the ledger

TIMEOUT = 0.6
"""Seconds for a sample that takes microseconds: a loaded machine must not make one that is fine time out."""


def asleep() -> None:
    time.sleep(3600)


def in_a_loop() -> None:
    while True:
        pass


def catching_everything() -> None:
    while True:
        try:
            time.sleep(3600)
        except BaseException:
            continue


def in_a_sum() -> None:
    sum(range(10**13))  # one call of a C function that holds the interpreter's lock and looks at no signal


def in_a_power() -> None:
    pow(3, 10**10)


STUCK: dict[Attempt, Callable[[], None]] = {
    ("train", 0, 0): in_a_sum,  # the first sample, which is made twice
    ("train", 4, 0): asleep,  # the last of a batch
    ("train", 4, 1): in_a_power,
    ("train", 11, 0): catching_everything,
    ("test", 5, 0): in_a_loop,  # the first of a batch, made twice too
}
SPLITS = {"train": 23, "test": 8}


def stuck_at(stuck: dict[Attempt, Callable[[], None]], generate: Any = sums) -> Callable[[int], Any]:
    """Return a generator that never returns from some attempts."""
    by_seed = {sample_seed(42, *attempt): how for attempt, how in stuck.items()}

    def sometimes_stuck(seed: int) -> Any:
        if seed in by_seed:
            by_seed[seed]()
        return generate(seed)

    return sometimes_stuck


def lines(splits: dict[str, int], known: Collection[Attempt], generate: Any = sums) -> dict[str, bytes]:
    """Return the data files of `sums` by a plain loop that knows which attempts take too long."""
    files = {}
    for split, count in splits.items():
        text, json_lines = "", ""
        for index in range(count):
            attempt = 0
            while True:
                try:
                    if (split, index, attempt) not in known:
                        problem, answer = generate(sample_seed(42, split, index, attempt))
                        break
                except Reject:
                    pass
                attempt += 1
            text += f"{' | '.join(map(str, problem))} # {answer}\n"
            json_lines += json.dumps({"problem": [str(number) for number in problem], "answer": str(answer)}) + "\n"
        files[f"{split}_raw.txt"], files[f"{split}_data.jsonl"] = text.encode(), json_lines.encode()
    return files


def ledger_of(attempts: Collection[Attempt], splits: dict[str, int] = SPLITS) -> str:
    """Return the text of a ledger: in the order of splits, indices and attempts."""
    order = list(splits)
    entries = sorted(attempts, key=lambda entry: (order.index(entry[0]), *entry[1:]))
    return "".join(
        json.dumps({"split": split, "index": index, "attempt": attempt}) + "\n" for split, index, attempt in entries
    )


def rejected(folder: Path, split: str) -> dict[str, int]:
    return read_json(folder / "statistics.json")["splits"][split]["rejected"]


def assert_timed_out(folder: Path, known: Collection[Attempt], splits: dict[str, int] = SPLITS) -> None:
    """Assert that a folder has the dataset in which these attempts timed out, and says so."""
    found = {name: content for name, content in data_bytes(folder).items() if name in lines(splits, ())}
    expected = lines(splits, known)
    assert found == {name: expected[name] for name in found} != {}
    for split in splits:
        times = sum(entry[0] == split for entry in known)
        assert rejected(folder, split) == ({"timeout": times} if times else {})
    assert (folder / "timeouts.jsonl").read_text() == ledger_of(known, splits)
    assert read_json(folder / "manifest.json")["timeouts"] == len(known)


@pytest.mark.parametrize("n_jobs, batch_size", [(1, 5), (2, 1)])
def test_only_attempts_that_take_too_long_are_replaced(tmp_path, n_jobs, batch_size):
    run = {"splits": SPLITS, "batch_size": batch_size, "n_jobs": n_jobs}
    make(tmp_path / "a", stuck_at(STUCK), sample_timeout=TIMEOUT, **run).run()
    assert_timed_out(tmp_path / "a", STUCK)

    # Replayed by a generator that is fast now, and against a clock that nothing passes.
    for name, generate in {"fast": sums, "stuck": stuck_at(STUCK)}.items():
        ledger = str(tmp_path / "a/timeouts.jsonl")
        make(tmp_path / name, generate, ledger=ledger, sample_timeout=1e-6, **run | {"n_jobs": 1}).run()
        assert data_bytes(tmp_path / name) == data_bytes(tmp_path / "a")
        assert (tmp_path / name / "timeouts.jsonl").read_bytes() == (tmp_path / "a/timeouts.jsonl").read_bytes()


attempts = st.tuples(st.sampled_from(["train", "test"]), st.integers(0, 9), st.integers(0, 3))


@settings(deadline=None, max_examples=20)
@given(st.sets(attempts, max_size=30), st.integers(1, 12), st.randoms(use_true_random=False))
def test_a_ledger_is_replayed_whatever_its_order_and_the_batches(tmp_path_factory, known, batch_size, rng):
    folder = tmp_path_factory.mktemp("ledger")
    splits = {"train": 10, "test": 6}
    entries = ledger_of(known).splitlines(keepends=True)
    rng.shuffle(entries)
    (folder / "known.jsonl").write_text("".join(entries))
    run = {"splits": splits, "batch_size": batch_size, "ledger": str(folder / "known.jsonl")}
    make(folder / "out", picky_sums, **run).run()
    found, expected = data_bytes(folder / "out"), lines(splits, known, picky_sums)
    assert {name: found[name] for name in expected} == expected
    # What is written is what was needed: attempts before the one that was taken, and samples that are there.
    written = {tuple(json.loads(line).values()) for line in (folder / "out/timeouts.jsonl").read_text().splitlines()}
    assert written <= known
    make(folder / "again", picky_sums, **run | {"ledger": str(folder / "out/timeouts.jsonl")}).run()
    assert data_bytes(folder / "again") == data_bytes(folder / "out")
    assert (folder / "again/timeouts.jsonl").read_text() == (folder / "out/timeouts.jsonl").read_text()
    shutil.rmtree(folder)


def test_time_counts_that_other_functions_take(tmp_path):
    problems = [sums(sample_seed(42, "train", index))[0] for index in range(8)]

    def slow_at(index: int, value):
        def function(problem, *_):
            if problem == problems[index]:
                in_a_sum()
            return value(problem)

        return function

    functions = {
        "statistics": slow_at(3, lambda problem: {"size": len(problem)}),
        "check": slow_at(5, lambda problem: True),
        "canonical": slow_at(6, str),
    }
    make(tmp_path, splits={"train": 8}, batch_size=5, sample_timeout=TIMEOUT, **functions).run()
    slow = [problems[index] for index in (3, 5, 6)]
    known = {("train", index, 0) for index in range(8) if problems[index] in slow}
    assert len(known) == 3
    assert_timed_out(tmp_path, known, {"train": 8})


def test_too_many_timeouts_list_the_reasons(tmp_path):
    def generate(seed):
        if seed == sample_seed(42, "train", 2, 1):
            raise Reject("not so")
        if seed in stuck:
            in_a_sum()
        return sums(seed)

    stuck = {sample_seed(42, "train", 2, attempt) for attempt in (0, 2)}
    with pytest.raises(SampleError) as caught:
        make(tmp_path, generate, None, splits={"train": 4}, sample_timeout=TIMEOUT, max_attempts=3).run()
    text = str(caught.value)
    assert "all 3 attempts (max_attempts) were rejected: timeout (2 times), not so (1 times)" in text
    assert "'train', index 2, attempt 2" in text and str(sample_seed(42, "train", 2, 2)) in text


def test_timeouts_of_a_run_that_was_interrupted_are_in_the_ledger_of_the_next(tmp_path):
    broken, stuck = tmp_path / "broken", {("train", 1, 0): in_a_sum, ("train", 8, 0): asleep}
    broken.touch()
    bad = sample_seed(42, "train", 6)
    rarely_stuck = stuck_at(stuck)

    def generate(seed):
        if seed == bad and broken.exists():
            raise ArithmeticError("bad luck")
        return rarely_stuck(seed)

    run = {"splits": {"train": 10}, "batch_size": 5, "sample_timeout": TIMEOUT}
    with pytest.raises(SampleError, match="bad luck"):
        make(tmp_path / "out", generate, **run).run()
    broken.unlink()
    begin = time.monotonic()
    make(tmp_path / "out", generate, **run).run()
    assert time.monotonic() - begin > TIMEOUT  # of the second batch
    assert_timed_out(tmp_path / "out", stuck, {"train": 10})


def test_without_a_timeout_there_is_no_ledger(tmp_path):
    make(tmp_path / "a", sample_timeout=60).run()
    assert (tmp_path / "a/timeouts.jsonl").read_bytes() == b""
    make(tmp_path / "b").run()
    assert not (tmp_path / "b/timeouts.jsonl").exists()
    assert data_bytes(tmp_path / "a") == data_bytes(tmp_path / "b")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "train 3 0",
        "[]",
        "3",
        '{"split": "train", "index": 3}',
        '{"split": "train", "index": "three", "attempt": 0}',
        '{"split": "train", "index": null, "attempt": 0}',
    ],
)
def test_a_line_that_is_no_entry_of_a_ledger_is_named(tmp_path, line):
    path = tmp_path / "known.jsonl"
    path.write_text(f'{{"split": "train", "index": 0, "attempt": 0}}\n{line}\n')
    with pytest.raises(ConfigError, match="line 2") as caught:
        make(tmp_path / "out", ledger=str(path)).run()
    assert str(path) in str(caught.value) and "ledger" in str(caught.value)
    assert not (tmp_path / "out").exists()


def test_a_ledger_that_is_missing_or_no_text_is_named(tmp_path):
    (tmp_path / "binary").write_bytes(b"\xff\xfe\n")
    for name in ("missing", "binary"):
        with pytest.raises(ConfigError, match=f"ledger = .*{name}"):
            make(tmp_path / "out", ledger=str(tmp_path / name)).run()


STUCK_FILE = """\
import os
import random
import time

import algebraset

SUM = {algebraset.sample_seed(42, "train", 0), algebraset.sample_seed(42, "train", 7, 1)}
SLEEP = {algebraset.sample_seed(42, "train", 7), algebraset.sample_seed(42, "test", 2)}


def generate(seed):
    if "FAST" not in os.environ:
        if seed in SUM:
            sum(range(10**13))
        if seed in SLEEP:
            time.sleep(3600)
    rng = random.Random(seed)
    numbers = [rng.randint(0, 4) for _ in range(rng.randint(1, 3))]
    return numbers, sum(numbers)


def statistics(problem, answer):
    return {"problem": {"length": len(problem)}, "answer": {"value": answer}}
"""


def test_the_workflow_writes_and_replays_the_ledger(tmp_path):
    (tmp_path / "stuck.py").write_text(STUCK_FILE)
    splits = {"train": 12, "test": 3}
    dataset = {
        "generator": "stuck.py:generate",
        "statistics": "stuck.py:statistics",
        "splits": splits,
        "batch_size": 6,
        "batches_per_job": 2,
        "sample_timeout": TIMEOUT,
        "save_text": False,
    }
    write_config(tmp_path / "clock.yaml", dataset=dataset | {"save_dir": "clock"})
    snakemake(tmp_path, "--configfile", "clock.yaml")
    known = {("train", 0, 0), ("train", 7, 0), ("train", 7, 1), ("test", 2, 0)}
    assert_timed_out(tmp_path / "clock", known, splits)
    shutil.copy(tmp_path / "clock/timeouts.jsonl", tmp_path / "known.jsonl")
    replayed = {"save_dir": "replayed", "ledger": "known.jsonl", "sample_timeout": 1e-6, "batches_per_job": 1}
    write_config(tmp_path / "replayed.yaml", dataset=dataset | replayed)
    snakemake(tmp_path, "--configfile", "replayed.yaml", FAST="1")
    assert data_bytes(tmp_path / "replayed") == data_bytes(tmp_path / "clock")
    assert (tmp_path / "replayed/timeouts.jsonl").read_bytes() == (tmp_path / "known.jsonl").read_bytes()

    write_config(
        tmp_path / "missing.yaml", dataset=dataset | replayed | {"save_dir": "other", "ledger": "missing.jsonl"}
    )
    assert "missing.jsonl" in snakemake(tmp_path, "--configfile", "missing.yaml", "--dry-run", ok=False)


# Exceptions.


def fragile_sums(seed: int) -> tuple[list[int], int]:
    """Return what `sums` returns, but reject or fail for many seeds."""
    numbers, total = sums(seed)
    if total == 0:
        raise Reject("zero")
    if total % 5 == 0:
        raise SystemExit(3)
    return numbers, total + 0 * (1 // (total % 3))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_exceptions_reject_their_attempt_if_asked_to(tmp_path, n_jobs):
    make(tmp_path, fragile_sums, splits=SPLITS, batch_size=6, n_jobs=n_jobs, on_error="reject").run()
    reasons: dict[str, dict[str, int]] = {split: {} for split in SPLITS}
    known = set()
    for split, count in SPLITS.items():
        for index in range(count):
            for attempt in range(1000):
                total = sums(sample_seed(42, split, index, attempt))[1]
                if total % 5 and total % 3:
                    break
                known.add((split, index, attempt))
                reason = "error: ZeroDivisionError" if total % 5 else "error: SystemExit" if total else "zero"
                reasons[split][reason] = reasons[split].get(reason, 0) + 1
    assert len(reasons["train"]) == 3
    found, expected = data_bytes(tmp_path), lines(SPLITS, known)
    assert {name: found[name] for name in expected} == expected
    for split, counted in reasons.items():
        assert rejected(tmp_path, split) == dict(sorted(counted.items()))


def test_exceptions_that_reject_every_attempt_are_listed(tmp_path):
    def generate(seed):
        raise ZeroDivisionError if seed % 2 else KeyError("x")

    with pytest.raises(SampleError) as caught:
        make(tmp_path, generate, None, on_error="reject", max_attempts=40).run()
    odd = sum(sample_seed(42, "train", 0, attempt) % 2 for attempt in range(40))
    for reason, times in {"error: ZeroDivisionError": odd, "error: KeyError": 40 - odd}.items():
        assert f"{reason} ({times} times)" in str(caught.value)


def test_only_exceptions_of_the_generator_reject(tmp_path):
    with pytest.raises(SampleError, match="check returned false"):
        make(tmp_path, check=lambda problem, answer: False, on_error="reject").run()


# Recycled workers.


def noting_its_process(path: Path):
    """Return a generator that notes in which process it makes a sample."""
    name = str(path)

    def generate(seed: int) -> tuple[list[int], int]:
        with open(name, "a") as calls:
            calls.write(f"{os.getpid()} {seed}\n")
        return sums(seed)

    return generate


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_recycled_workers_change_no_byte(tmp_path, n_jobs):
    make(tmp_path / "clean", splits=SPLITS).run()
    generate = noting_its_process(tmp_path / "calls")
    make(tmp_path / "out", generate, splits=SPLITS, n_jobs=n_jobs, recycle_after=6, batch_size=10).run()
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "clean")
    made: dict[str, set[str]] = {}
    for call in (tmp_path / "calls").read_text().splitlines():
        process, seed = call.split()
        made.setdefault(process, set()).add(seed)
    assert str(os.getpid()) not in made
    assert max(map(len, made.values())) <= 6
    assert len(made) >= sum(SPLITS.values()) / 6


def test_everything_at_once(tmp_path):
    """Timeouts, rejections, exceptions and recycled workers, in batches that end anywhere."""
    rng = random.Random(1)
    stuck: dict[Attempt, Callable[[], None]] = {
        ("train", index, 0): rng.choice([asleep, in_a_sum]) for index in (0, 7, 8, 30)
    }
    generate = stuck_at(stuck, fragile_sums)
    common = {"splits": {"train": 31, "test": 4}, "on_error": "reject"}
    stressed = {"n_jobs": 2, "recycle_after": 5, "batch_size": 8, "sample_timeout": TIMEOUT}
    make(tmp_path / "stressed", generate, **common, **stressed).run()
    ledger = str(tmp_path / "stressed/timeouts.jsonl")
    assert Path(ledger).read_text() == ledger_of(stuck)
    make(tmp_path / "plain", fragile_sums, size_statistics, **common, ledger=ledger).run()
    assert data_bytes(tmp_path / "stressed") == data_bytes(tmp_path / "plain")
