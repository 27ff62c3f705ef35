"""Leakage: no held-out problem in a later split, whatever makes the samples, and only collisions cost anything."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from helpers import make
from hypothesis import given, settings
from hypothesis import strategies as st
from workflow_helpers import data_bytes, job_counts, read_json, snakemake, write_config

from algebraset import ConfigError, SampleError, sample_seed
from algebraset.cli import main
from algebraset.duplicates import estimate_distinct

Problem = list[int]


def pairs(size: int):
    """Return a generator of pairs of numbers below `size`: few problems, so that splits collide."""

    def generate(seed: int) -> tuple[Problem, int]:
        rng = random.Random(seed)
        problem = [rng.randrange(size), rng.randrange(size)]
        return problem, sum(problem)

    return generate


def unordered(problem: Problem) -> str:
    """Take two problems for the same if they have the same numbers in any order."""
    return str(sorted(problem))


def order_of(splits: dict[str, int], held_out: list[str] | None) -> list[tuple[str, list[str]]]:
    """Return the splits in the order in which they are made, each with those whose problems it must not have."""
    by_size = sorted(splits, key=lambda name: splits[name])
    held = by_size[:-1] if held_out is None else held_out
    order = held + [name for name in by_size if name not in held]
    return [(name, held[: held.index(name)] if name in held else held) for name in order]


def drawn(
    size: int, splits: dict[str, int], held_out: list[str] | None = None, same=str
) -> dict[str, list[tuple[Problem, int]]]:
    """Return problem and attempt of every sample, by a plain loop over splits and attempts."""
    generate, made, keys = pairs(size), {}, {}
    for split, forbidden in order_of(splits, held_out):
        made[split] = []
        for index in range(splits[split]):
            for attempt in range(1000):
                problem = generate(sample_seed(42, split, index, attempt))[0]
                if not any(same(problem) in keys[name] for name in forbidden):
                    break
            made[split].append((problem, attempt))
        keys[split] = {same(problem) for problem, _ in made[split]}
    return made


def problems(folder: Path, split: str) -> list[Problem]:
    lines = (folder / f"{split}_data.jsonl").read_text().splitlines()
    return [[int(leaf) for leaf in json.loads(line)["problem"]] for line in lines]


def assert_drawn(folder: Path, expected: dict[str, list[tuple[Problem, int]]]) -> None:
    """Assert that a folder has these samples and counts the attempts that were rejected for them."""
    found = read_json(folder / "statistics.json")["splits"]
    for split, samples in expected.items():
        assert problems(folder, split) == [problem for problem, _ in samples]
        leaks = sum(attempt for _, attempt in samples)
        assert found[split]["rejected"] == ({"leak": leaks} if leaks else {})


SIZES = st.fixed_dictionaries({name: st.integers(0, 25) for name in ("train", "test", "dev")})
HELD_OUT = st.none() | st.permutations(["test", "dev", "train"]).flatmap(
    lambda names: st.integers(0, 3).map(lambda count: names[:count])
)


@settings(deadline=None, max_examples=60)
@given(SIZES, HELD_OUT, st.integers(1, 30), st.booleans())
def test_no_held_out_problem_comes_again(tmp_path_factory, splits, held_out, batch_size, by_numbers):
    folder = tmp_path_factory.mktemp("leakage")
    functions = {"canonical": unordered} if by_numbers else {}
    run = {"splits": splits, "leakage": "reject", "held_out": held_out, "batch_size": batch_size, **functions}
    make(folder, pairs(14), None, **run).run()
    same = unordered if by_numbers else str
    expected = drawn(14, splits, held_out, same)
    assert_drawn(folder, expected)
    for split, forbidden in order_of(splits, held_out):
        own = {same(problem) for problem in problems(folder, split)}
        for other in forbidden:
            assert not own & {same(problem) for problem in problems(folder, other)}
    # The samples that collide with nothing are those of a run that only counts.
    generate = pairs(14)
    for split, samples in expected.items():
        for index, (problem, attempt) in enumerate(samples):
            first = generate(sample_seed(42, split, index))[0]
            assert (problem == first) or attempt > 0
    shutil.rmtree(folder)


@pytest.mark.parametrize("held_out", [None, ["train", "test"]])
def test_the_number_of_workers_does_not_show(tmp_path, held_out):
    run = {"splits": {"train": 60, "test": 25, "dev": 25}, "leakage": "reject", "held_out": held_out}
    make(tmp_path / "1", pairs(15), canonical=unordered, **run).run()
    make(tmp_path / "2", pairs(15), canonical=unordered, n_jobs=2, batch_size=13, **run).run()
    assert_drawn(tmp_path / "1", drawn(15, run["splits"], held_out, unordered))
    assert data_bytes(tmp_path / "1") == data_bytes(tmp_path / "2")


def test_report_counts_and_ignore_does_not(tmp_path):
    splits = {"train": 40, "test": 15}
    for leakage in ("report", "ignore", "reject"):
        make(tmp_path / leakage, pairs(8), None, splits=splits, leakage=leakage).run()
    report, ignore, reject = (
        read_json(tmp_path / name / "statistics.json")["splits"] for name in ("report", "ignore", "reject")
    )
    for split, other in (("train", "test"), ("test", "train")):
        own, theirs = problems(tmp_path / "report", split), problems(tmp_path / "report", other)
        assert report[split]["duplicate_problems"] == len(own) - len({str(problem) for problem in own})
        assert report[split]["leaked_problems"] == {other: sum(problem in theirs for problem in own)}
        assert reject[split]["leaked_problems"] == {other: 0}
        assert not {"duplicate_problems", "leaked_problems"} & set(ignore[split])
    assert report["train"]["leaked_problems"]["test"] > 0
    names = ["train_raw.txt", "test_raw.txt"]
    report_files, ignore_files, reject_files = (data_bytes(tmp_path / name) for name in ("report", "ignore", "reject"))
    assert all(report_files[name] == ignore_files[name] for name in names)
    assert report_files["test_raw.txt"] == reject_files["test_raw.txt"]
    changed = [
        index
        for index, (one, other) in enumerate(
            zip(problems(tmp_path / "report", "train"), problems(tmp_path / "reject", "train"), strict=True)
        )
        if one != other
    ]
    assert len(changed) == report["train"]["leaked_problems"]["test"]


def test_canonical_also_decides_what_is_counted(tmp_path):
    splits = {"train": 40, "test": 15}
    make(tmp_path, pairs(8), None, splits=splits, canonical=unordered).run()
    keys = {split: [unordered(problem) for problem in problems(tmp_path, split)] for split in splits}
    found = read_json(tmp_path / "statistics.json")["splits"]
    assert found["train"]["duplicate_problems"] == 40 - len(set(keys["train"]))
    assert found["train"]["leaked_problems"]["test"] == sum(key in keys["test"] for key in keys["train"])


def test_a_problem_space_that_is_too_small_is_an_error_with_the_numbers(tmp_path):
    def generate(seed):
        return [seed % 3], 1

    with pytest.raises(SampleError) as caught:
        make(tmp_path, generate, None, splits={"train": 90, "test": 40}, leakage="reject", max_attempts=50).run()
    text = str(caught.value)
    assert "'train'" in text and "all 50 attempts" in text and "leak (50 times)" in text
    assert "have 3 different problems" in text and "problem space" in text


def test_held_out_names_splits(tmp_path):
    with pytest.raises(ConfigError, match="held_out: no split 'tests', did you mean test"):
        make(tmp_path, leakage="reject", held_out=["tests"])


# Growing.

GROWTH = {
    "train": ({"train": 60, "test": 20}, 3),  # samples of train that are there: kept
    "test": ({"train": 40, "test": 30}, 0),  # other problems are held out: train is made again
    "both": ({"train": 70, "test": 21}, 0),
    "swapped": ({"train": 40, "test": 50}, 0),  # now train is the smaller one
}
BEFORE = {"train": 40, "test": 20}


@pytest.mark.parametrize("grown", GROWTH)
def test_a_grown_dataset_is_that_of_a_fresh_run(tmp_path, grown):
    splits, _ = GROWTH[grown]
    run = {"leakage": "reject", "batch_size": 10, "keep_shards": True}
    make(tmp_path / "out", pairs(12), splits=BEFORE, **run).run()
    shard = tmp_path / "out/shards/train/0000000/sidecar"
    before = shard.stat().st_mtime_ns
    make(tmp_path / "out", pairs(12), splits=splits, **run).run()
    make(tmp_path / "fresh", pairs(12), splits=splits, **run).run()
    assert data_bytes(tmp_path / "out") == data_bytes(tmp_path / "fresh")
    assert_drawn(tmp_path / "out", drawn(12, splits))
    assert (shard.stat().st_mtime_ns == before) == (grown == "train")


PAIRS_FILE = """\
import random


def generate(seed, size):
    rng = random.Random(seed)
    problem = [rng.randrange(size), rng.randrange(size)]
    return problem, sum(problem)


def canonical(problem):
    return str(sorted(problem))
"""


def workflow_dataset(**keys: Any) -> dict[str, Any]:
    return {
        "generator": "pairs.py:generate",
        "generator_params": {"size": 12},
        "canonical": "pairs.py:canonical",
        "save_text": False,
        "leakage": "reject",
        "batch_size": 10,
        **keys,
    }


def test_the_workflow_makes_the_same_and_grows(tmp_path):
    """One folder that grows twice, its shards kept: first the large split, then the held-out one."""
    (tmp_path / "pairs.py").write_text(PAIRS_FILE)
    made = []
    for splits in ({"train": 20, "test": 10}, {"train": 40, "test": 10}, {"train": 40, "test": 15}):
        dataset = workflow_dataset(splits=splits, keep_shards=True)
        write_config(tmp_path / "config.yaml", dataset=dataset)
        made.append(job_counts(snakemake(tmp_path, "--configfile", "config.yaml"))["generate_sympy_kept"])
        assert_drawn(tmp_path / "data", drawn(12, splits, same=unordered))
    assert made == [3, 2, 5]  # the second time only new samples of train, then all of train against a larger test

    other = workflow_dataset(splits=splits, save_dir="other", batch_size=7, batches_per_job=3, n_jobs=2)
    write_config(tmp_path / "other.yaml", dataset=other)
    snakemake(tmp_path, "--configfile", "other.yaml")
    assert data_bytes(tmp_path / "other") == data_bytes(tmp_path / "data")
    assert not [path for path in (tmp_path / "other/shards").rglob("*") if path.is_file()]


# The forecast of `preview`.


def naive_chao(values: list[int]) -> tuple[int, int]:
    """Return Chao's bias-corrected lower bound as its paper states it, and how many values differ."""
    times = [values.count(value) for value in set(values)]
    once, twice = times.count(1), times.count(2)
    return len(times) + (once * (once - 1)) // (2 * (twice + 1)), len(times)


@settings(deadline=None)
@given(st.lists(st.integers(0, 12), max_size=60))
def test_the_estimate_is_that_of_the_paper(values):
    assert estimate_distinct([bytes([value]) * 16 for value in values]) == naive_chao(values)


@pytest.mark.parametrize("size", [300, 1000, 5000])
def test_the_estimate_is_near_the_number_of_equally_likely_problems(size):
    rng, estimates = random.Random(size), []
    for _ in range(20):
        drawn_digests = [hashlib.md5(str(rng.randrange(size)).encode()).digest() for _ in range(1000)]
        estimates.append(estimate_distinct(drawn_digests)[0])
    assert sum(estimates) / 20 == pytest.approx(size, rel=0.05)


def test_the_estimate_is_a_lower_bound_where_problems_are_not_equally_likely():
    rng = random.Random(1)
    weights = [1 / (rank + 1) for rank in range(4000)]
    drawn_digests = [value.to_bytes(16, "big") for value in rng.choices(range(4000), weights, k=1000)]
    estimate, distinct = estimate_distinct(drawn_digests)
    assert distinct == len(Counter(drawn_digests)) < estimate < 4000


@pytest.mark.parametrize("size, train, warns", [(30, 100_000, True), (30, 500, False), (10**9, 10**6, False)])
def test_preview_forecasts_duplicates(tmp_path, capsys, monkeypatch, size, train, warns):
    monkeypatch.chdir(tmp_path)
    Path("pairs.py").write_text(PAIRS_FILE)
    splits = {"train": train, "test": 100}
    write_config(
        Path("config.yaml"),
        dataset=workflow_dataset(generator_params={"size": size}, splits=splits, canonical=None, leakage="report"),
    )
    assert main(["preview", "--configfile", "config.yaml", "--samples", "1", "--forecast", "1500"]) == 0
    output = capsys.readouterr().out
    forecast = next(line for line in output.splitlines() if "different problems in" in line)
    assert f"asks for {train + 100:,}" in forecast and "Chao" in forecast
    shown = int(forecast.partition("about ")[2].split()[0].replace(",", ""))
    looked_at = min(1500, train)
    assert f"in {looked_at} samples of 'train'" in forecast
    if size == 30:
        assert shown == pytest.approx(900, rel=0.1)
    else:
        assert shown > 10**5 and "or more" in forecast
    assert ("WARNING" in output) == warns


def test_preview_counts_problems_as_canonical_says(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("pairs.py").write_text(PAIRS_FILE)
    write_config(Path("config.yaml"), dataset=workflow_dataset(splits={"train": 5000}, generator_params={"size": 40}))
    assert main(["preview", "--configfile", "config.yaml", "--forecast", "3000"]) == 0
    forecast = next(line for line in capsys.readouterr().out.splitlines() if "different problems in" in line)
    assert int(forecast.partition("about ")[2].split()[0].replace(",", "")) == pytest.approx(40 * 41 / 2, rel=0.1)
