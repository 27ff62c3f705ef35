"""End to end: the real Snakemake on the repository's Snakefile, in folders of its own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from workflow_helpers import (
    REPOSITORY,
    algebraset,
    assert_sums,
    command,
    copy_repository,
    data_bytes,
    dry_run,
    edit,
    environment,
    job_counts,
    read_json,
    snakemake,
    sums_dataset,
    write_config,
    write_sums,
)

from algebraset import DatasetPipeline
from algebraset.config import load_config
from algebraset.jobs import generate_batch, try_first_sample
from algebraset.plan import Shard, plan
from algebraset.seeds import sample_seed

CONFIG = ("--configfile", "config.yaml")
ALL_JOBS = {"first_sample_sympy": 1, "generate_sympy": 4, "concatenate": 2, "statistics": 1, "manifest": 1}
COLLECT_ALL = {"concatenate": 2, "statistics": 1, "manifest": 1}


# One run with everything: an own generator, three splits, one of them empty, a space in save_dir.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which the run was made."""
    cwd = tmp_path_factory.mktemp("whole")
    write_sums(cwd)
    dataset = sums_dataset(
        statistics="sums.py:statistics",
        check="sums.py:check",
        save_dir="my data/sums of 3",
        generator_params={"terms": 4},
    )
    del dataset["num_train_samples"], dataset["num_test_samples"]
    write_config(cwd / "config.yaml", dataset=dataset | {"splits": {"train": 20, "validation": 0, "test": 5}})
    snakemake(cwd, *CONFIG)
    return cwd


def test_files_are_those_of_a_plain_loop(whole: Path) -> None:
    folder = whole / "my data/sums of 3"
    assert_sums(folder, {"train": 20, "validation": 0, "test": 5}, terms=4)
    splits = ("train", "validation", "test")
    data = {f"{split}_{file}" for split in splits for file in ("raw.txt", "data.jsonl")}
    found = {path.name for path in folder.iterdir() if path.is_file()}
    assert found == data | {"statistics.json", "manifest.json", "SHA256SUMS", "recipe.json"}


def test_statistics_cover_all_splits(whole: Path) -> None:
    summary = read_json(whole / "my data/sums of 3/statistics.json")
    assert list(summary) == ["splits", "timing"]
    splits = summary["splits"]
    assert {split: found["num_samples"] for split, found in splits.items()} == {"train": 20, "validation": 0, "test": 5}
    lines = (whole / "my data/sums of 3/train_data.jsonl").read_text().splitlines()
    answers = [int(json.loads(line)["answer"]) for line in lines]
    value = splits["train"]["answer_stats"]["value"]
    assert (value["count"], value["min"], value["max"]) == (20, min(answers), max(answers))
    assert value["mean"] == pytest.approx(sum(answers) / 20)
    assert splits["train"]["even_stats"]["count"] == 20
    assert set(summary["timing"]) == set(splits)


def test_checksums_pass(whole: Path) -> None:
    folder = whole / "my data/sums of 3"
    result = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.count(": OK") == 6
    files = read_json(folder / "manifest.json")["files"]
    assert {name: entry["lines"] for name, entry in files.items()} == {
        f"{split}_{file}": count
        for split, count in (("train", 20), ("validation", 0), ("test", 5))
        for file in ("raw.txt", "data.jsonl")
    }


def test_every_job_has_a_log_and_a_benchmark(whole: Path) -> None:
    folder = whole / "my data/sums of 3/logs"
    jobs = {"first_sample", "statistics", "manifest", "generate/test/0000000"}
    jobs |= {f"generate/train/000000{batch}" for batch in range(3)}
    jobs |= {f"concatenate/{split}" for split in ("train", "validation", "test")}
    for suffix in (".log", ".tsv"):
        found = {str(path.relative_to(folder)).removesuffix(suffix) for path in folder.rglob(f"*{suffix}")}
        assert found == jobs


def test_shards_are_temporary(whole: Path) -> None:
    assert not [path for path in (whole / "my data/sums of 3").rglob("*") if "shards" in path.parts and path.is_file()]


def test_unchanged_config_does_nothing(whole: Path) -> None:
    assert dry_run(whole, *CONFIG) == {}


def test_manifest_is_a_config(whole: Path, tmp_path: Path) -> None:
    write_sums(tmp_path)
    shutil.copy(whole / "my data/sums of 3/manifest.json", tmp_path)
    assert dry_run(tmp_path, "--configfile", "manifest.json")["generate_sympy"] == 4


# The law: whoever schedules, and in whatever batches, the bytes are the same.

LETTERS = """\
import random

LETTERS = [letter + other for letter in "abcdefgh" for other in "xyz"]


def generate(seed):
    chosen = {random.Random(seed).choice(LETTERS) for _ in range(1)} | set(LETTERS[seed % 5 :])
    return list(chosen), [len(chosen), "".join(sorted(chosen))]


def statistics(problem, answer):
    return {"problem": {"length": len(problem)}}
"""

# batch size, n_jobs, train samples and test samples of each dataset
LAW = {
    "ones": (1, 1, 8, 2),
    "sevens": (7, 1, 30, 6),
    "blocks": (128, 1, 130, 6),
    "blocks_4": (128, 4, 130, 6),
    "whole_2": (100_000, 2, 130, 6),
}


@pytest.fixture(scope="module")
def law(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which all datasets of `LAW` were made, with `sums.py`, and `letters` twice."""
    cwd = tmp_path_factory.mktemp("law")
    write_sums(cwd)
    (cwd / "letters.py").write_text(LETTERS, encoding="utf-8")
    datasets: dict[str, Any] = {
        name: {"batch_size": batch_size, "n_jobs": n_jobs, "num_train_samples": train, "num_test_samples": test}
        for name, (batch_size, n_jobs, train, test) in LAW.items()
    }
    functions = {"generator": "letters.py:generate", "statistics": "letters.py:statistics", "check": None}
    sizes = {"num_train_samples": 30, "num_test_samples": 0}
    datasets["letters"] = functions | sizes | {"batch_size": 20}
    datasets["letters_2"] = functions | sizes | {"batch_size": 100, "n_jobs": 2}
    dataset = sums_dataset(statistics="sums.py:statistics", check="sums.py:check")
    write_config(cwd / "config.yaml", dataset=dataset, datasets=datasets)
    snakemake(cwd, *CONFIG, "--cores", "4", PYTHONHASHSEED="1")
    return cwd


@pytest.mark.parametrize("name", LAW)
def test_bytes_do_not_depend_on_batches_and_workers(law: Path, name: str) -> None:
    _, _, train, test = LAW[name]
    assert_sums(law / "data" / name, {"train": train, "test": test})
    if train == 130:
        assert data_bytes(law / "data" / name) == data_bytes(law / "data/blocks")


@pytest.fixture(scope="module")
def by_command_line(law: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the datasets of the same config as `python -m algebraset run` makes them."""
    cwd = tmp_path_factory.mktemp("by_command_line")
    for name in ("sums.py", "letters.py", "config.yaml"):
        shutil.copy(law / name, cwd)
    result = algebraset(cwd, "run", "--configfile", "config.yaml", PYTHONHASHSEED="2")
    assert result.returncode == 0, result.stderr
    return cwd


@pytest.mark.parametrize("name", [*LAW, "letters", "letters_2"])
def test_command_line_makes_the_bytes_of_the_workflow(law: Path, by_command_line: Path, name: str) -> None:
    ours, theirs = by_command_line / "data" / name, law / "data" / name
    assert data_bytes(ours) == data_bytes(theirs)
    manifests = [read_json(folder / "manifest.json") for folder in (ours, theirs)]
    assert manifests[0] == manifests[1]


@pytest.mark.parametrize(("name", "n_jobs"), [("ones", 1), ("sevens", 2), ("blocks", 1), ("whole_2", 4)])
def test_python_api_makes_the_bytes_of_the_workflow(law: Path, tmp_path: Path, name: str, n_jobs: int) -> None:
    functions: dict[str, Any] = {}
    exec((law / "sums.py").read_text(encoding="utf-8"), functions)
    dataset = load_config(law / "config.yaml")[name]
    block = {key: value for key, value in dataset.items() if key != "name"}
    block |= {"save_dir": str(tmp_path / "data"), "n_jobs": n_jobs, "verbose": False}
    block["batch_size"] = 10
    named = {key: functions[key] for key in ("check", "canonical") if block[key] is not None}
    DatasetPipeline.from_config(block, functions["generate"], functions["statistics"], **named).run()
    assert data_bytes(tmp_path / "data") == data_bytes(law / "data" / name)


def test_string_hashing_does_not_matter(law: Path, by_command_line: Path) -> None:
    # The two runs had different hash seeds, the two datasets different schedules.
    expected = data_bytes(law / "data/letters")
    for folder in (law, by_command_line):
        assert data_bytes(folder / "data/letters_2") == expected
    lists = [json.loads(line)["problem"] for line in (law / "data/letters/train_data.jsonl").open(encoding="utf-8")]
    assert any(found != sorted(found) for found in lists)  # the order is a set's indeed


def test_string_hashing_would_matter(law: Path) -> None:
    """The generator `letters.py` notices string hashing: without that, the test before would prove nothing."""
    code = "import letters; print(letters.generate(1))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=law,
            env=environment(PYTHONHASHSEED=seed),
            stdout=subprocess.PIPE,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) > 1


# Several datasets in one run.

ENVIRONMENT = """\
import os
import sys


def generate(seed):
    names = ("PYTHONHASHSEED", "PYTHONPATH", "OMP_NUM_THREADS")
    return [os.environ.get(name, "") for name in names], [str(path) for path in sys.path]
"""


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which several datasets with different generators and formats were made."""
    cwd = tmp_path_factory.mktemp("several")
    write_sums(cwd)
    (cwd / "generators").mkdir()
    (cwd / "generators" / "surroundings.py").write_text(ENVIRONMENT, encoding="utf-8")
    (cwd / "generators" / "importable.py").write_text("def shout(seed):\n    return 'é', 'ß | #'\n", encoding="utf-8")
    shared = {"num_train_samples": 6, "num_test_samples": 0, "batch_size": 4, "backend": "sympy"}
    datasets = {
        "kept": {"generator": "sums.py:generate", "keep_shards": True},
        "text": {"generator": "sums.py:generate", "save_json": False, "save_dir": "elsewhere/text only"},
        "json": {"generator": "generators.importable:shout", "save_text": False},
        "surroundings": {"generator": "generators/surroundings.py:generate"},
        "surroundings_2": {"generator": "generators/surroundings.py:generate", "n_jobs": 2},
        "task": {"generator": "polynomial_addition", "check": "polynomial_addition"},
    }
    write_config(cwd / "config.yaml", dataset=shared, datasets=datasets)
    snakemake(cwd, *CONFIG, PYTHONPATH=str(cwd / "generators"), LC_ALL="C")
    return cwd


def test_each_dataset_has_its_folder_and_formats(several: Path) -> None:
    kept, text, lines = several / "data/kept", several / "elsewhere/text only", several / "data/json"
    assert_sums(kept, {"train": 6, "test": 0})
    assert (text / "train_raw.txt").read_bytes() == (kept / "train_raw.txt").read_bytes()
    assert not list(text.glob("*.jsonl"))
    assert (lines / "train_data.jsonl").read_text(encoding="utf-8") == '{"problem": "é", "answer": "ß | #"}\n' * 6
    assert not list(lines.glob("*_raw.txt"))
    assert len((several / "data/task/train_raw.txt").read_text().splitlines()) == 6
    for folder, files in ((kept, 4), (text, 2), (lines, 2)):
        assert len((folder / "SHA256SUMS").read_text().splitlines()) == files


def test_only_the_dataset_that_says_so_keeps_its_shards(several: Path) -> None:
    shards = {path.relative_to(several) for path in several.rglob("sidecar")}
    assert shards == {Path(f"data/kept/shards/train/000000{batch}/sidecar") for batch in range(2)}


@pytest.mark.parametrize("name", ["surroundings", "surroundings_2"])
def test_jobs_have_a_clean_environment(several: Path, name: str) -> None:
    for line in (several / "data" / name / "train_data.jsonl").open(encoding="utf-8"):
        sample = json.loads(line)
        hash_seed, python_path, threads = sample["problem"]
        assert hash_seed == "0"
        # The user's own PYTHONPATH is kept, behind the package.
        assert python_path.split(os.pathsep)[:2] == [str(REPOSITORY / "src"), str(several / "generators")]
        assert threads
        assert str(REPOSITORY / "src") in sample["answer"]
        assert not [path for path in sample["answer"] if "scripts" in Path(path).parts]


# Rerun rules, each on a copy of one finished run.


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return the folders in which the same dataset was made with and without `keep_shards`."""
    folders = {}
    for keep in (False, True):
        cwd = tmp_path_factory.mktemp("kept" if keep else "finished")
        write_sums(cwd)
        write_config(cwd / "config.yaml", dataset=sums_dataset(keep_shards=keep))
        snakemake(cwd, *CONFIG)
        folders["kept" if keep else "plain"] = cwd
    return SimpleNamespace(**folders)


@pytest.fixture
def plain(finished: SimpleNamespace, tmp_path: Path) -> Path:
    """Return a copy of the run without `keep_shards`."""
    return shutil.copytree(finished.plain, tmp_path / "plain")


@pytest.fixture
def kept(finished: SimpleNamespace, tmp_path: Path) -> Path:
    """Return a copy of the run with `keep_shards`."""
    return shutil.copytree(finished.kept, tmp_path / "kept")


def kept_jobs(generate: int, first_sample: int = 0, **collect: int) -> dict[str, int]:
    """Return the expected jobs of a dataset that keeps its shards, without those that are 0."""
    jobs = {"first_sample_sympy": first_sample, "generate_sympy_kept": generate, **(collect or COLLECT_ALL)}
    return {rule: count for rule, count in jobs.items() if count}


def test_touching_the_generator_file_does_nothing(plain: Path) -> None:
    (plain / "sums.py").touch()
    assert dry_run(plain, *CONFIG) == {}


def test_editing_the_generator_file_makes_all_anew(plain: Path) -> None:
    write_sums(plain, "rng.randrange(bound)", "rng.randrange(bound, 2 * bound)")
    assert job_counts(snakemake(plain, *CONFIG)) == ALL_JOBS
    first = (plain / "data/train_raw.txt").read_text().splitlines()[0]
    assert all(int(value) >= 100 for value in first.split(" # ")[0].split(" | "))
    assert dry_run(plain, *CONFIG) == {}


@pytest.mark.parametrize("change", [{"generator_params": {"bound": 7}}, {"root_seed": 43}], ids=["params", "root_seed"])
@pytest.mark.parametrize("keep", [False, True], ids=["temporary", "kept"])
def test_params_and_root_seed_make_all_anew(plain: Path, kept: Path, keep: bool, change: dict[str, Any]) -> None:
    cwd = kept if keep else plain
    write_config(cwd / "config.yaml", dataset=sums_dataset(keep_shards=keep, **change))
    output = snakemake(cwd, *CONFIG)
    assert job_counts(output) == (kept_jobs(4, first_sample=1) if keep else ALL_JOBS)
    assert_sums(cwd / "data", {"train": 20, "test": 5}, **change.get("generator_params", change))
    fingerprints = [read_json(cwd / "data" / name)["fingerprint"] for name in ("recipe.json", "manifest.json")]
    assert fingerprints[0] == fingerprints[1]


def test_growing_a_kept_dataset_generates_only_new_batches(kept: Path) -> None:
    before = {path.parent.name: path.stat().st_mtime_ns for path in kept.glob("data/shards/train/*/sidecar")}
    write_config(kept / "config.yaml", dataset=sums_dataset(keep_shards=True, num_train_samples=40))
    # The old last batch had 4 of 8 samples, so it is made anew; two more follow, and the test split stays.
    expected = kept_jobs(3, concatenate=1, statistics=1, manifest=1)
    output = snakemake(kept, *CONFIG)
    assert job_counts(output)["generate_sympy_kept"] == expected["generate_sympy_kept"]
    assert "first_sample_sympy" not in job_counts(output)
    assert_sums(kept / "data", {"train": 40, "test": 5})
    after = {path.parent.name: path.stat().st_mtime_ns for path in kept.glob("data/shards/train/*/sidecar")}
    untouched = {name for name, when in before.items() if after[name] == when}
    assert untouched == {"0000000", "0000001"}
    assert dry_run(kept, *CONFIG) == {}


def test_growing_a_kept_dataset_by_whole_batches(kept: Path) -> None:
    write_config(kept / "config.yaml", dataset=sums_dataset(keep_shards=True, num_train_samples=24))
    snakemake(kept, *CONFIG)
    write_config(kept / "config.yaml", dataset=sums_dataset(keep_shards=True, num_train_samples=48))
    assert dry_run(kept, *CONFIG)["generate_sympy_kept"] == 3


def test_growing_without_kept_shards(plain: Path) -> None:
    write_config(plain / "config.yaml", dataset=sums_dataset(num_train_samples=30))
    snakemake(plain, *CONFIG)
    assert_sums(plain / "data", {"train": 30, "test": 5})
    assert dry_run(plain, *CONFIG) == {}


def test_a_new_split_of_a_kept_dataset(kept: Path) -> None:
    """Its batches alone are made, and the repeat command of an error in it works."""
    dataset = sums_dataset(keep_shards=True)
    del dataset["num_train_samples"], dataset["num_test_samples"]
    dataset["splits"] = {"train": 20, "test": 5, "extra": 10}
    write_config(kept / "config.yaml", dataset=dataset)
    assert job_counts(snakemake(kept, *CONFIG))["generate_sympy_kept"] == 2
    assert_sums(kept / "data", {"train": 20, "test": 5, "extra": 10})
    assert algebraset(kept, "sample", "--configfile", "data/recipe.json", "--split", "extra").returncode == 0


def test_batch_size_keeps_the_bytes(plain: Path) -> None:
    before = data_bytes(plain / "data")
    write_config(plain / "config.yaml", dataset=sums_dataset(batch_size=3))
    snakemake(plain, *CONFIG)
    assert data_bytes(plain / "data") == before


def test_how_it_is_run_is_no_reason_to_run(plain: Path) -> None:
    write_config(plain / "config.yaml", dataset=sums_dataset(n_jobs=2, verbose=False, keep_shards=True))
    assert dry_run(plain, *CONFIG) == {}
    # Nor by Snakemake's own triggers.
    assert dry_run(plain, *CONFIG, "--rerun-triggers", "mtime", "params", "input", "software-env", "code") == {}


def test_reformatted_workflow_is_no_reason_to_run(finished: SimpleNamespace, plain: Path, tmp_path: Path) -> None:
    snakefile = copy_repository(tmp_path / "checkout")
    workflow = tmp_path / "checkout" / "workflow"
    edit(workflow / "scripts/generate.py", '"""Generate one batch', '"""Reformatted: generate one batch')
    edit(workflow / "scripts/concatenate.py", "args = parser", "args  =  parser")
    edit(workflow / "rules/generate.smk", "# One job a batch", "# Another comment: one job a batch")
    edit(workflow / "rules/collect.smk", " &> {log:q}", "  &> {log:q}")
    edit(snakefile, "# algebraset:", "# Algebraset:")
    assert dry_run(plain, *CONFIG, snakefile=snakefile) == {}
    # A checkout that moved and was reformatted does nothing; one that generates other bytes does everything.
    version = tmp_path / "checkout/src/algebraset/version.py"
    edit(version, "GENERATION_REVISION = ", "GENERATION_REVISION = 1000 + ")
    assert dry_run(plain, *CONFIG, snakefile=snakefile) == ALL_JOBS
    assert dry_run(finished.kept, *CONFIG, snakefile=snakefile) == kept_jobs(4, first_sample=1)


# Wrong configs and generators.


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"batchsize": 8}, "unknown key dataset.batchsize, did you mean batch_size?"),
        ({"batch_size": 0}, "dataset.batch_size = 0: must be at least 1"),
        ({"backend": "sypmy"}, "must be one of sympy, sagemath, did you mean sympy?"),
        ({"save_text": False, "save_json": False}, "save_text and save_json are both false"),
        ({"generator": "no_such_file.py:generate"}, "no_such_file.py"),
    ],
    ids=["unknown key", "range", "enum", "no format", "missing file"],
)
def test_wrong_config_stops_before_any_job(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    write_sums(tmp_path)
    write_config(tmp_path / "config.yaml", dataset=sums_dataset(**changes))
    output = snakemake(tmp_path, *CONFIG, ok=False)
    assert message in output
    assert "Traceback" not in output
    assert not (tmp_path / "data").exists()


def test_all_cores_of_a_cluster_stop_before_any_job(tmp_path: Path) -> None:
    write_sums(tmp_path)
    write_config(tmp_path / "config.yaml", dataset=sums_dataset(n_jobs=-1))
    line = command("--executor", "slurm", "--jobs", "2", *CONFIG)
    result = subprocess.run(line, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "dataset.n_jobs = -1 counts the cores of one machine: on a cluster, give a positive number" in result.stderr
    assert not (tmp_path / "data").exists()


FAULTY = """\
import random


def forgets_seed(seed):
    return random.randrange(10**9), 1


def fails(seed):
    raise ZeroDivisionError("first sample")


def fails_at_one_seed(seed):
    if str(seed) in open("broken").read().split():
        raise ValueError(f"cannot do ünit {seed % 7}")
    return seed, seed + 1


def wrong_answer(seed):
    return seed, seed


def is_next(problem, answer):
    return answer == problem + 1


def not_a_pair(seed):
    return seed
"""


@pytest.fixture(scope="module")
def failed_first(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return the folder and the output of a run in which every dataset but one fails at its first sample."""
    cwd = tmp_path_factory.mktemp("failed_first")
    write_sums(cwd)
    (cwd / "faulty.py").write_text(FAULTY, encoding="utf-8")
    datasets = {
        "function": {"generator": "sums.py:genrate"},
        "module": {"generator": "no_such_module.sums:generate"},
        "task": {"generator": "polynomial_factorisation"},
        "params": {"generator": "sums.py:generate", "generator_params": {"bond": 5}},
        "fails": {"generator": "faulty.py:fails"},
        "seed": {"generator": "faulty.py:forgets_seed"},
        "pair": {"generator": "faulty.py:not_a_pair"},
        "wrong": {"generator": "faulty.py:wrong_answer", "check": "faulty.py:is_next"},
        "good": {"generator": "sums.py:generate"},
    }
    write_config(cwd / "config.yaml", dataset={"num_train_samples": 4, "num_test_samples": 0}, datasets=datasets)
    return SimpleNamespace(cwd=cwd, output=snakemake(cwd, *CONFIG, ok=False))


@pytest.mark.parametrize(
    ("name", "messages"),
    [
        ("function", ["has no function 'genrate', did you mean generate?"]),
        ("module", ["generator = 'no_such_module.sums:generate' cannot be imported: ModuleNotFoundError"]),
        ("task", ["no ready task of backend sympy has this name, did you mean polynomial_factorization?"]),
        ("params", ["does not take these generator_params", "'bond' is unknown, did you mean bound?"]),
        ("fails", ["split 'train', index 0, attempt 0, seed", "ZeroDivisionError: first sample", "faulty.py, line 9"]),
        ("seed", ["the same seed gave two different samples", "algebraset.seed_all(seed)"]),
        ("pair", ["the generator must return (problem, answer)"]),
        ("wrong", ["check returned false"]),
    ],
)
def test_wrong_functions_fail_as_the_first_job(failed_first: SimpleNamespace, name: str, messages: list[str]) -> None:
    folder = failed_first.cwd / "data" / name
    log = (folder / "logs/first_sample.log").read_text(encoding="utf-8")
    for message in messages:
        assert message in log
        assert message in failed_first.output
    assert {path.name for path in folder.iterdir()} == {"logs", "shards"}  # there is the lock


def test_a_failing_dataset_does_not_stop_another(failed_first: SimpleNamespace) -> None:
    assert_sums(failed_first.cwd / "data/good", {"train": 4, "test": 0})


def test_failing_sample_is_named_and_can_be_repeated(tmp_path: Path) -> None:
    seed = sample_seed(42, "train", 57)
    (tmp_path / "faulty.py").write_text(FAULTY, encoding="utf-8")
    (tmp_path / "broken").write_text(str(seed))
    dataset = sums_dataset(
        generator="faulty.py:fails_at_one_seed", num_train_samples=100, batch_size=20, save_dir="my data"
    )
    write_config(tmp_path / "config.yaml", dataset=dataset)
    output = snakemake(tmp_path, *CONFIG, ok=False)
    error = f"split 'train', index 57, attempt 0, seed {seed}: ValueError: cannot do ünit {seed % 7}"
    assert error in output

    repeat = re.search(r"Repeat it with: (.*)", output)
    assert repeat
    result = subprocess.run(
        ["bash", "-c", repeat[1]],
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(REPOSITORY / "src")),
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert error in result.stderr

    # The other batches are there, and nothing of the failed one is.
    shards = {path.name for path in (tmp_path / "my data/shards/train").iterdir()}
    assert shards == {"0000000", "0000001", "0000003", "0000004"}
    assert (tmp_path / "my data/test_raw.txt").exists()
    assert not (tmp_path / "my data/train_raw.txt").exists()

    # What was at fault lay outside the generator's file: one batch is left to do.
    (tmp_path / "broken").write_text("")
    assert dry_run(tmp_path, *CONFIG)["generate_sympy"] == 1
    # Or the generator's file itself is mended: then all samples are the new generator's.
    (tmp_path / "broken").write_text(str(seed))
    edit(tmp_path / "faulty.py", "if str(seed)", "if False and str(seed)")
    edit(tmp_path / "faulty.py", "seed, seed + 1", "seed, seed + 2")
    assert job_counts(snakemake(tmp_path, *CONFIG))["generate_sympy"] == 6
    for split, count in (("train", 100), ("test", 5)):
        seeds = [sample_seed(42, split, index) for index in range(count)]
        expected = "".join(f"{found} # {found + 2}\n" for found in seeds)
        assert (tmp_path / f"my data/{split}_raw.txt").read_text() == expected


# Where the config comes from, and where files go.


def test_default_config_from_another_folder(tmp_path: Path) -> None:
    counts = dry_run(tmp_path)
    assert counts.items() >= {**ALL_JOBS, "generate_sympy": 11}.items()
    # --config changes keys of it.
    counts = dry_run(tmp_path, "--config", "dataset={batch_size: 5000, num_test_samples: 10}")
    assert counts.items() >= {**ALL_JOBS, "generate_sympy": 3}.items()


def test_directory_and_its_own_config(tmp_path: Path) -> None:
    elsewhere = tmp_path / "another folder"
    write_config(elsewhere / "config/config.yaml", dataset=sums_dataset(num_test_samples=0, batch_size=100))
    write_sums(elsewhere)
    snakemake(tmp_path, "--directory", "another folder")
    assert_sums(elsewhere / "data", {"train": 20, "test": 0})
    assert [path.name for path in tmp_path.iterdir()] == ["another folder"]
    # A config file that is named takes the place of both others as a whole.
    write_config(tmp_path / "named.yaml", dataset=sums_dataset(save_dir="named", num_test_samples=0, batch_size=9))
    output = snakemake(tmp_path, "--directory", "another folder", "--configfile", "named.yaml", "--dry-run")
    assert job_counts(output) == {**ALL_JOBS, "generate_sympy": 3}


IMPORTER = """\
configfile: "mine.yaml"


rule all:
    input:
        "plot.txt",


module algebraset:
    snakefile: "{snakefile}"
    config: config["algebraset"]
    {prefix}


use rule * from algebraset as algebraset_*


rule plot:
    input:
        "{folder}/train_data.jsonl",
        rules.algebraset_all.input,
    output:
        "plot.txt",
    shell:
        "echo ${{{{PYTHONHASHSEED-unset}}}} ${{{{PYTHONPATH-unset}}}} > {{output}}"
"""


@pytest.mark.parametrize("prefix", [None, "results"])
def test_as_a_module_of_another_workflow(tmp_path: Path, prefix: str | None) -> None:
    folder = f"{prefix}/data" if prefix else "data"
    (tmp_path / "workflow").mkdir()
    (tmp_path / "workflow/Snakefile").write_text(
        IMPORTER.format(
            snakefile=REPOSITORY / "Snakefile", folder=folder, prefix=f'prefix: "{prefix}"' if prefix else ""
        )
    )
    write_sums(tmp_path)
    write_config(
        tmp_path / "mine.yaml", mine=1, algebraset={"dataset": sums_dataset(num_test_samples=0, batch_size=16)}
    )
    output = snakemake(tmp_path, snakefile=None)
    assert job_counts(output) == {
        "algebraset_first_sample_sympy": 1,
        "algebraset_generate_sympy": 2,
        "algebraset_concatenate": 2,
        "algebraset_statistics": 1,
        "algebraset_manifest": 1,
        "plot": 1,
    } | ({"algebraset_all": 1} if "algebraset_all" in job_counts(output) else {})
    assert_sums(tmp_path / folder, {"train": 20, "test": 0})
    # The importer's own shell commands are its own.
    assert (tmp_path / "plot.txt").read_text() == "unset unset\n"
    assert dry_run(tmp_path, snakefile=None) == {}


@pytest.mark.parametrize("strict", [False, True], ids=["LC_ALL=C", "and no UTF-8 mode"])
def test_ascii_locale(tmp_path: Path, strict: bool) -> None:
    """Paths need a locale that can write them, as everywhere; samples and configs do not."""
    source = "def generate(seed, name):\n    return f'é{name}∂ {seed % 7}', ['日本', seed % 3]\n"
    (tmp_path / "letters.py").write_text(source, encoding="utf-8")
    folder = "data" if strict else "größe é"
    text = f'dataset: {{generator: "letters.py:generate", save_dir: "{folder}", num_train_samples: 3,'
    (tmp_path / "config.yaml").write_text(f"{text} generator_params: {{name: ü}}}}", encoding="utf-8")
    ascii_only = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"} if strict else {}
    snakemake(tmp_path, *CONFIG, LC_ALL="C", **ascii_only)
    seeds = [sample_seed(42, "train", index) for index in range(3)]
    expected = "".join(f"éü∂ {seed % 7} # 日本 | {seed % 3}\n" for seed in seeds)
    assert (tmp_path / folder / "train_raw.txt").read_text(encoding="utf-8") == expected


# Killed halfway.

SLOW = """\
import time


def generate(seed):
    time.sleep(0.05)
    return seed, seed + 1
"""


def test_other_batch_size_after_a_killed_run(tmp_path: Path) -> None:
    """What a killed run left of another plan is scratch, which does not stand in the way."""
    (tmp_path / "slow.py").write_text(SLOW, encoding="utf-8")
    dataset = {"generator": "slow.py:generate", "num_train_samples": 8, "batch_size": 1}
    write_config(tmp_path / "config.yaml", dataset=dataset)
    snakemake(tmp_path, "data/shards/train/0000007", "--notemp", *CONFIG)
    write_config(tmp_path / "config.yaml", dataset=dataset | {"batch_size": 4})
    snakemake(tmp_path, *CONFIG)
    assert len((tmp_path / "data/train_raw.txt").read_text().splitlines()) == 8


# Many batches.


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleNamespace]:
    """Return a folder with 5,000 shards of one split, and the jobs that Snakemake had planned for them.

    The dry run is slow, so it goes on while the shards are written by the functions that jobs call.
    """
    cwd = tmp_path_factory.mktemp("many")
    write_sums(cwd)
    dataset = sums_dataset(num_train_samples=5000, num_test_samples=0, batch_size=1, statistics="sums.py:statistics")
    write_config(cwd / "config.yaml", dataset=dataset)
    planned = tmp_path_factory.mktemp("planned")
    for name in ("sums.py", "config.yaml"):
        shutil.copy(cwd / name, planned)
    planning = subprocess.Popen(
        command("--dry-run", "--printshellcmds", "--quiet", "progress", *CONFIG),
        cwd=planned,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    resolved = {**load_config(cwd / "config.yaml")["dataset"], "generator": f"{cwd}/sums.py:generate"}
    resolved |= {"save_dir": str(cwd / "data"), "statistics": f"{cwd}/sums.py:statistics"}
    code = "import json, sys, test_workflow as t; t.write_all_shards(json.loads(sys.argv[1]))"
    path = os.pathsep.join(map(str, (REPOSITORY / "src", REPOSITORY / "tests")))
    subprocess.run(
        [sys.executable, "-c", code, json.dumps(resolved)],
        cwd=cwd,
        env=environment(PYTHONPATH=path, PYTHONHASHSEED="0"),
        check=True,
    )
    output, _ = planning.communicate(timeout=200)
    assert planning.returncode == 0
    yield SimpleNamespace(cwd=cwd, dataset=resolved, plan=output.decode())


def write_all_shards(dataset: dict[str, Any]) -> None:
    """Write the recipe and all shards of a dataset in this process, by the functions that the jobs call."""
    recipe = Path(dataset["save_dir"]) / "recipe.json"
    try_first_sample(dataset, recipe)
    for batch in plan(dataset):
        generate_batch(
            Shard.of(recipe.parent, batch).folder, batch.start, batch.stop, (), 1, dataset["batch_size"], None
        )


def test_no_command_grows_with_the_batches(many: SimpleNamespace) -> None:
    commands = [line for line in many.plan.splitlines() if "/workflow/scripts/" in line]
    scripts = [re.findall(r"/workflow/scripts/(\w+\.py) ", line)[0] for line in commands]
    assert {name: scripts.count(name) for name in set(scripts)} == {
        "first_sample.py": 1,
        "generate.py": 5000,
        "concatenate.py": 2,
        "statistics.py": 1,
        "manifest.py": 1,
    }
    assert max(map(len, commands)) < 10_000


def test_collecting_5000_shards(many: SimpleNamespace) -> None:
    scripts, folder = REPOSITORY / "workflow/scripts", many.cwd / "data"
    shared = ["--dataset", json.dumps(many.dataset), "--recipe", str(folder / "recipe.json")]
    jobs = [["concatenate.py", "--split=train"], ["concatenate.py", "--split=test"], ["statistics.py"], ["manifest.py"]]
    for script, *args in jobs:
        line = [sys.executable, "-P", str(scripts / script), *shared, *args]
        env = environment(PYTHONPATH=str(REPOSITORY / "src"), PYTHONHASHSEED="0")
        result = subprocess.run(line, cwd=many.cwd, env=env, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
    assert_sums(folder, {"train": 5000, "test": 0})
    train = read_json(folder / "statistics.json")["splits"]["train"]
    assert train["num_samples"] == train["even_stats"]["count"] == 5000
    assert len((folder / "SHA256SUMS").read_text().splitlines()) == 4


# Tools.


def test_lint_and_list(tmp_path: Path) -> None:
    assert "good condition" in snakemake(tmp_path, "--lint")
    output = snakemake(tmp_path, "--list")
    rules = {"all", "concatenate", "first_sample_sympy", "generate_sympy", "manifest", "statistics"}
    assert rules <= set(output.split())


def test_rules_are_named_for_backend_and_keeping(tmp_path: Path) -> None:
    write_sums(tmp_path)
    datasets = {
        f"{backend}_{keep}": {"backend": backend, "keep_shards": keep}
        for backend in ("sympy", "sagemath")
        for keep in (True, False)
    }
    write_config(tmp_path / "config.yaml", dataset=sums_dataset(), datasets=datasets)
    output = snakemake(tmp_path, *CONFIG, "--list", "--use-conda")
    backends = ("sympy", "sagemath")
    rules = {f"{rule}_{backend}" for rule in ("first_sample", "generate") for backend in backends}
    assert rules | {f"generate_{backend}_kept" for backend in backends} <= set(output.split())


def test_snakefmt() -> None:
    line = [sys.executable, "-m", "snakefmt", "--check", "Snakefile", "workflow"]
    result = subprocess.run(line, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr


def why_no_conda() -> str | None:
    """Return why jobs cannot run in conda environments here, None if they can."""
    conda = shutil.which("conda")
    if conda is None:
        return "conda is not on PATH"
    found = subprocess.run([conda, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(map(int, re.findall(r"\d+", found)[:3]))
    return None if version >= (24, 7, 1) else f"conda is too old: {found.strip() or 'no version'}, needed is 24.7.1"


def test_use_conda(tmp_path: Path) -> None:
    if reason := why_no_conda():
        pytest.skip(reason)
    write_sums(tmp_path)
    (tmp_path / "surroundings.py").write_text(ENVIRONMENT, encoding="utf-8")
    dataset = sums_dataset(num_test_samples=0, generator="surroundings.py:generate")
    write_config(tmp_path / "config.yaml", dataset=dataset)
    snakemake(tmp_path, *CONFIG, "--use-conda", "--conda-prefix", tmp_path / "envs")
    sample = json.loads((tmp_path / "data/train_data.jsonl").read_text(encoding="utf-8").splitlines()[0])
    outside = [path for path in sample["answer"] if not path.startswith((str(tmp_path / "envs"), str(REPOSITORY)))]
    assert outside in ([], [str(tmp_path)])
