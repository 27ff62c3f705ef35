"""Pipeline: the same bytes whatever the batches and workers, resuming, and leaving alone what is not its own."""

from __future__ import annotations

import errno
import fcntl
import functools
import json
import multiprocessing
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest
from helpers import SRC, data_files, make, picky_sums, run_python, size_statistics, snapshot, sums

import algebraset.sympy
from algebraset import (
    AlgebrasetError,
    ConfigError,
    DatasetPipeline,
    DatasetWriter,
    SampleError,
    ShardError,
    get_backend_classes,
    sample_seed,
    seed_all,
)
from algebraset.collect import concatenate_all, merged_statistics
from algebraset.statistics import dump_json
from algebraset.workers import WorkerDied

SAMPLES = {"train": 23, "validation": 8, "test": 0}


def reproducible(folder: Path) -> dict[str, bytes]:
    """Return all that may not depend on batches, workers, machine or time."""
    splits = json.loads((folder / "statistics.json").read_text())["splits"]
    return data_files(folder) | {"statistics": dump_json(splits).encode()}


def test_batch_size_and_workers_change_no_byte(tmp_path):
    expected = None
    for n_jobs in (1, 2, 4):
        for batch_size in (1, 7, 128, 100_000):
            folder = tmp_path / f"{n_jobs}_{batch_size}"
            make(folder, picky_sums, splits=SAMPLES, n_jobs=n_jobs, batch_size=batch_size).run()
            expected = expected or reproducible(folder)
            assert reproducible(folder) == expected, f"n_jobs {n_jobs}, batch_size {batch_size}"
    assert set(expected) == {"SHA256SUMS", "statistics"} | {
        f"{split}_{suffix}" for split in SAMPLES for suffix in ("raw.txt", "data.jsonl")
    }
    assert expected["train_raw.txt"].count(b"\n") == 23
    assert expected["test_raw.txt"] == expected["test_data.jsonl"] == b""


def test_another_root_seed_or_split_name_gives_other_samples(tmp_path):
    contents = set()
    for split, root_seed in (("train", 42), ("train", 43), ("other", 42)):
        folder = tmp_path / f"{split}_{root_seed}"
        make(folder, splits={split: 30}, root_seed=root_seed).run()
        contents.add(data_files(folder)[f"{split}_raw.txt"])
    assert len(contents) == 3


def test_more_samples_continue_the_same_sequence(tmp_path):
    for name, count in (("short", 10), ("long", 25)):
        make(tmp_path / name, num_train_samples=count).run()
    long, short = data_files(tmp_path / "long"), data_files(tmp_path / "short")
    assert long["train_raw.txt"].startswith(short["train_raw.txt"])


class Scaled:
    def __init__(self, factor: int) -> None:
        self.factor = factor

    def __call__(self, seed: int) -> tuple[int, int]:
        return seed % 100, seed % 100 * self.factor

    def is_right(self, problem: int, answer: int) -> bool:
        return answer == problem * self.factor


def scaled(seed: int, factor: int) -> tuple[int, int]:
    return seed % 100, seed % 100 * factor


def test_functions_of_every_kind_work_here_and_in_workers(tmp_path):
    factor = 3

    def closure(seed):
        return seed % 100, seed % 100 * factor

    statistics = functools.partial(lambda factor, problem, answer: {"ratio": factor}, factor)
    kinds = [closure, lambda seed: scaled(seed, factor), functools.partial(scaled, factor=3), Scaled(3)]
    kinds += [Scaled(3).__call__, functools.partial(lambda f, seed: f(seed), closure)]
    for number, generate in enumerate(kinds):
        make(tmp_path / str(number), generate, statistics).run()
    workers = {"check": Scaled(3).is_right, "n_jobs": 2}
    make(tmp_path / "workers", kinds[-1], statistics, **workers).run()
    results = [reproducible(folder) for folder in tmp_path.iterdir()]
    assert len(results) == 7 and all(result == results[0] for result in results)


def test_from_config_gives_the_generator_its_params(tmp_path):
    block = {
        "generator_params": {"factor": 3},
        "num_train_samples": 5,
        "save_dir": str(tmp_path / "a"),
        "verbose": False,
    }
    DatasetPipeline.from_config(block, scaled).run()
    make(tmp_path / "b", functools.partial(scaled, factor=3), None, splits={"train": 5}).run()
    assert data_files(tmp_path / "a") == data_files(tmp_path / "b")


@pytest.mark.parametrize("key", ["check", "canonical"])
def test_from_config_drops_no_function_in_silence(tmp_path, key):
    block = {"generator_params": {"factor": 3}, "num_train_samples": 5, "save_dir": str(tmp_path), "verbose": False}
    with pytest.raises(ConfigError, match=f"{key} = 'file.py:function'.*pass it as {key}="):
        DatasetPipeline.from_config({**block, key: "file.py:function"}, scaled)
    assert not list(tmp_path.iterdir())
    DatasetPipeline.from_config({**block, key: None}, scaled).run()


def test_from_config_runs_the_check_with_its_params_and_the_canonical_form(tmp_path):
    def check(problem, answer, factor):
        return answer == factor * problem

    block = {
        "generator_params": {"factor": 3},
        "check": "file.py:check",
        "canonical": "file.py:canonical",
        "num_train_samples": 5,
        "save_dir": str(tmp_path / "a"),
        "verbose": False,
    }
    functions = {"check": check, "canonical": lambda problem: "the same"}
    DatasetPipeline.from_config(block, lambda seed, factor: (seed, factor * seed), **functions).run()
    assert json.loads((tmp_path / "a" / "statistics.json").read_text())["splits"]["train"]["duplicate_problems"] == 4
    assert json.loads((tmp_path / "a" / "manifest.json").read_text())["config"]["dataset"]["check"].endswith("check")
    block["save_dir"] = str(tmp_path / "b")
    with pytest.raises(SampleError, match="check returned false"):
        DatasetPipeline.from_config(block, lambda seed, factor: (seed, seed), **functions).run()


UNLOADABLE = """
import os, sys
from algebraset import DatasetPipeline

PARENT = os.getpid()

def only_in_parent(parent):
    if os.getpid() != parent:
        raise RuntimeError("this object exists in one process only")
    return Generator()

class Generator:
    def __call__(self, seed):
        return seed, seed
    def __reduce__(self):
        return only_in_parent, (PARENT,)

DatasetPipeline(
    Generator(), None, save_dir="out", num_train_samples=5, n_jobs=2, backend="sympy", verbose=False
).run()
"""


def test_a_generator_that_workers_cannot_load_is_an_error_and_no_hang(tmp_path):
    (tmp_path / "script.py").write_text(UNLOADABLE)
    result = run_python("script.py", cwd=tmp_path, timeout=40)
    assert result.returncode == 1
    assert "this object exists in one process only" in result.stderr


UNGUARDED = """
import multiprocessing
from algebraset import DatasetPipeline

print("the script runs")

def generate(seed):
    return seed, seed

DatasetPipeline(generate, None, save_dir="out", num_train_samples=5, n_jobs=2, backend="sympy", verbose=False).run()
print(multiprocessing.get_start_method(allow_none=True))
"""


def test_a_script_without_main_guard_runs_once_and_may_still_choose_a_start_method(tmp_path):
    (tmp_path / "script.py").write_text(UNGUARDED)
    result = run_python("script.py", cwd=tmp_path, timeout=40)
    assert (result.returncode, result.stdout) == (0, "the script runs\nNone\n"), result.stderr


@pytest.mark.parametrize(("timeout", "imported"), [(None, False), (60, True)])
def test_workers_import_sympy_where_something_uses_it_or_a_clock_runs(tmp_path, timeout, imported):
    def generate(seed):
        import sys

        return seed, "sympy" in sys.modules

    make(tmp_path, generate, None, splits={"train": 40}, n_jobs=2, sample_timeout=timeout).run()
    lines = (tmp_path / "train_raw.txt").read_text().splitlines()
    assert len(lines) == 40 and all(line.endswith(f" # {imported}") for line in lines)


def test_seed_all_seeds_sympy_before_the_generator_imports_it(tmp_path):
    def generate(seed):
        seed_all(seed)
        from sympy.core.random import randrange

        return randrange(10**9), 0

    for workers in (1, 2):
        make(tmp_path / str(workers), generate, None, n_jobs=workers).run()
    assert data_files(tmp_path / "1") == data_files(tmp_path / "2")


SETS = """
import sys
sys.path.insert(0, sys.argv[1])
from algebraset import DatasetPipeline

def generate(seed):
    return list({f"{seed}{letter}" for letter in "abcdefgh"}), 0

DatasetPipeline(
    generate, None, save_dir=sys.argv[2], num_train_samples=9, n_jobs=2, backend="sympy", verbose=False
).run()
"""


def test_workers_hash_alike_whatever_the_options_of_python(tmp_path):
    (tmp_path / "script.py").write_text(SETS)
    for name, options in {"none": (), "E": ("-E",), "I": ("-I",)}.items():
        result = run_python(*options, "script.py", str(SRC), name, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    assert data_files(tmp_path / "E") == data_files(tmp_path / "I") == data_files(tmp_path / "none")


def test_workers_that_cannot_be_started_are_an_error_that_says_why(tmp_path, monkeypatch):
    def launch(*_):
        raise OSError(errno.EAGAIN, "Resource temporarily unavailable")

    monkeypatch.setattr("algebraset.processes._Popen._launch", launch)
    with pytest.raises(WorkerDied, match="Resource temporarily unavailable"):
        make(tmp_path, n_jobs=2).run()


LOADED_ONCE = """
import os
from algebraset import DatasetPipeline
from algebraset.workers import WorkerDied

def load():
    with open("loads", "a") as loads:
        loads.write("x")
    if os.path.getsize("loads") > 1:
        raise MemoryError("no more room")
    return Generator()

class Generator:
    def __call__(self, seed):
        return seed, seed

    def __reduce__(self):
        return load, ()

try:
    DatasetPipeline(
        Generator(), None, save_dir="out", splits={"train": 50}, batch_size=5, n_jobs=1, recycle_after=20,
        backend="sympy", verbose=False,
    ).run()
except WorkerDied as error:
    print("WorkerDied:", error)
"""


def test_a_worker_that_cannot_be_replaced_is_an_error_and_what_was_finished_stays(tmp_path):
    (tmp_path / "script.py").write_text(LOADED_ONCE)
    result = run_python("script.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "WorkerDied: " in result.stdout and "what was finished" in result.stdout
    assert len(list((tmp_path / "out/shards/train").glob("0*"))) >= 2


def counting(path: Path):
    """Return a generator that notes its seeds in a file."""
    name = str(path)

    def generate(seed):
        with open(name, "a") as calls:
            calls.write(f"{seed}\n")
        return sums(seed)

    return generate


def called(path: Path) -> set[int]:
    seeds = {int(line) for line in path.read_text().split()} if path.exists() else set()
    path.unlink(missing_ok=True)
    return seeds


def seeds(split: str, start: int, stop: int) -> set[int]:
    return {sample_seed(42, split, index) for index in range(start, stop)}


def test_running_a_finished_dataset_again_does_nothing(tmp_path):
    calls, folder = tmp_path / "calls", tmp_path / "out"
    for keep_shards in (False, True):
        make(folder / str(keep_shards), counting(calls), keep_shards=keep_shards).run()
        called(calls)
        before = snapshot(folder)
        make(folder / str(keep_shards), counting(calls), keep_shards=keep_shards, n_jobs=1, batch_size=3).run()
        assert snapshot(folder) == before
        assert called(calls) == set()


def test_what_a_killed_workflow_left_for_its_manifest_is_removed(tmp_path):
    """Later, when the dataset is another one, the workflow would take it for what its own jobs have just written."""
    left = [tmp_path / "shards" / name for name in ("train.checksums", "test.checksums", "totals.json")]
    for root_seed in (42, 43, 43):  # another dataset, another one again, and one that is complete
        for path in left:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        make(tmp_path, root_seed=root_seed, keep_shards=True).run(overwrite=True)
        assert not [path for path in left if path.exists()]


@pytest.mark.parametrize("file", ["train_raw.txt", "statistics.json", "SHA256SUMS"])
def test_a_file_that_is_missing_is_made_again(tmp_path, file):
    make(tmp_path).run()
    expected = reproducible(tmp_path)
    (tmp_path / file).unlink()
    make(tmp_path).run()
    assert reproducible(tmp_path) == expected
    assert (tmp_path / "manifest.json").exists()


def test_a_run_that_was_killed_while_collecting_continues(tmp_path, monkeypatch):
    make(tmp_path / "clean").run()

    def killed(*args, **kwargs):
        raise KeyboardInterrupt

    for step in ("merged_statistics", "write_manifest"):
        with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
            patch.setattr(f"algebraset.pipeline.{step}", killed)
            make(tmp_path / step).run()
        make(tmp_path / step).run()
        assert reproducible(tmp_path / step) == reproducible(tmp_path / "clean")


@pytest.mark.parametrize(
    "other",
    [
        {"generate": picky_sums},
        {"statistics": None},
        {"root_seed": 43},
        {"save_text": False},
        {"check": lambda problem, answer: True},
    ],
)
def test_another_dataset_in_the_folder_is_not_replaced_unless_asked(tmp_path, other):
    make(tmp_path / "a").run()
    make(tmp_path / "b", **other).run()
    before = snapshot(tmp_path / "a")
    with pytest.raises(ConfigError, match="overwrite"):
        make(tmp_path / "a", **other).run()
    assert snapshot(tmp_path / "a") == before
    make(tmp_path / "a", **other).run(overwrite=True)
    ours, theirs = reproducible(tmp_path / "a"), reproducible(tmp_path / "b")
    assert {name: ours[name] for name in theirs} == theirs


def test_files_of_somebody_else_are_not_replaced(tmp_path):
    (tmp_path / "train_raw.txt").write_text("mine")
    with pytest.raises(ConfigError, match=r"train_raw\.txt"):
        make(tmp_path).run()
    assert (tmp_path / "train_raw.txt").read_text() == "mine"


def test_a_growing_dataset_with_kept_shards_generates_only_new_samples(tmp_path):
    calls, folder = tmp_path / "calls", tmp_path / "out"
    grown = {"num_train_samples": 20, "num_test_samples": 7}
    make(folder, counting(calls), batch_size=5, keep_shards=True, num_train_samples=10, num_test_samples=7).run()
    assert called(calls) == seeds("train", 0, 10) | seeds("test", 0, 7)
    make(folder, counting(calls), batch_size=5, keep_shards=True, **grown).run()
    assert called(calls) == seeds("train", 10, 20)
    make(tmp_path / "clean", counting(calls), **grown).run()
    assert reproducible(folder) == reproducible(tmp_path / "clean")


def test_another_plan_replaces_the_scratch_shards_of_a_killed_run(tmp_path):
    (tmp_path / "out").mkdir()
    with pytest.raises(SampleError):
        make(tmp_path / "out", failing_at(13), batch_size=2).run()
    make(tmp_path / "out", sums, batch_size=5, num_train_samples=6).run()
    make(tmp_path / "clean", sums, num_train_samples=6).run()
    assert reproducible(tmp_path / "out") == reproducible(tmp_path / "clean")


def failing_at(index: int):
    bad = sample_seed(42, "train", index)

    def generate(seed):
        if seed == bad:
            raise ValueError("bad luck")
        return sums(seed)

    return generate


def test_shards_finished_before_an_error_are_kept(tmp_path):
    with pytest.raises(SampleError, match="index 13"):
        make(tmp_path, failing_at(13), batch_size=5).run()
    found = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob("shards/train/*/*"))
    names = ("data.jsonl", "raw.txt", "sidecar")
    assert found == [f"shards/train/{number:07d}/{name}" for number in range(2) for name in names]
    assert len(list((tmp_path / "shards/train").iterdir())) == 2


def test_no_samples_give_empty_files(tmp_path):
    make(tmp_path, num_train_samples=0, num_test_samples=0).run()
    files = data_files(tmp_path)
    assert all(content == b"" for name, content in files.items() if name != "SHA256SUMS")
    assert len(files) == 5
    splits = json.loads((tmp_path / "statistics.json").read_text())["splits"]
    assert splits["train"]["num_samples"] == splits["test"]["num_samples"] == 0


@pytest.mark.parametrize("off, suffix", [("save_text", "raw.txt"), ("save_json", "data.jsonl")])
def test_a_format_that_is_off_leaves_the_other_as_it_is(tmp_path, off, suffix):
    make(tmp_path / "both").run()
    make(tmp_path / "one", **{off: False}).run()
    both, one = data_files(tmp_path / "both"), data_files(tmp_path / "one")
    assert set(both) - set(one) == {f"train_{suffix}", f"test_{suffix}"}
    assert all(one[name] == both[name] for name in one if name != "SHA256SUMS")
    assert set(json.loads((tmp_path / "one/manifest.json").read_text())["files"]) == set(one) - {"SHA256SUMS"}


def test_a_path_with_spaces_and_other_letters(tmp_path):
    folder = tmp_path / "my data é"
    make(folder, n_jobs=1).run()
    assert len(DatasetWriter(folder).load_dataset_jsonl("train")) == 20


def test_every_sample_comes_back_through_the_writer(tmp_path):
    answers = [[], "", "0", 0, ["", "0"], [[], []]]

    def generate(seed):
        return seed % 1000, answers[seed % 6]

    make(tmp_path, generate, None, num_train_samples=30).run()
    expected = [generate(sample_seed(42, "train", index)) for index in range(30)]
    loaded = DatasetWriter(tmp_path).load_dataset_jsonl("train")
    assert loaded == [(str(problem), str(answer) if answer == 0 else answer) for problem, answer in expected]


def test_the_backends_generator_class_writes_the_same_files(tmp_path):
    make(tmp_path / "a").run()
    generator_class, writer_class = get_backend_classes("sympy")
    assert (generator_class, writer_class) == (algebraset.sympy.DatasetGenerator, DatasetWriter)
    generator = generator_class(n_jobs=1, verbose=False, root_seed=42)
    sizes = {"train": 20, "test": 5}
    generator.run(sizes, sums, size_statistics, DatasetWriter(tmp_path / "b"))
    generator.run(sizes, sums, size_statistics, save_dir=str(tmp_path / "c"), batch_size=3)
    assert reproducible(tmp_path / "a") == reproducible(tmp_path / "b") == reproducible(tmp_path / "c")
    with pytest.raises(ConfigError, match="overwrite"):
        generator.run(sizes, picky_sums, None, DatasetWriter(tmp_path / "b"))
    generator.run(sizes, picky_sums, None, DatasetWriter(tmp_path / "b", if_exists="overwrite"))
    with pytest.raises(ConfigError, match="backend = 'threading'"):
        generator_class(backend="threading")


def test_an_unknown_backend_is_an_error():
    with pytest.raises(ConfigError, match="sympy, sagemath"):
        get_backend_classes("maple")


def test_importing_the_package_loads_no_library(tmp_path):
    heavy = ["sympy", "sage", "numpy", "omegaconf", "joblib", "yaml", "jsonschema", "pebble", "tqdm", "cloudpickle"]
    code = f"import sys, algebraset; print([name for name in {heavy} if name in sys.modules])"
    assert run_python("-c", code, cwd=tmp_path).stdout == "[]\n"
    code = f"import sys\nfrom algebraset import *\nprint([name for name in {heavy[:2]} if name in sys.modules])"
    assert run_python("-c", code, cwd=tmp_path).stdout == "[]\n"


LOGGING = """
import logging, sys
from algebraset import DatasetPipeline

def state():
    logger = logging.getLogger("algebraset")
    return logging.root.level, list(logging.root.handlers), logger.level, list(logger.handlers), logger.propagate, \\
        logger.disabled, logging.root.manager.disable

def run(folder, verbose, fail=False):
    before = state()
    try:
        DatasetPipeline(
            lambda seed: 1 / 0 if fail else (seed, seed), None, save_dir=folder, num_train_samples=30, verbose=verbose,
            backend="sympy", batch_size=10,
        ).run()
    except Exception:
        assert fail
    assert state() == before
    print("----", file=sys.stderr, flush=True)

run("quiet", False)
run("quiet_failure", False, fail=True)
run("loud", True)
run("loud_failure", True, fail=True)
logging.basicConfig(format="MINE %(name)s %(message)s", level=logging.INFO)
run("mine", True)
logging.root.setLevel(logging.WARNING)
run("mine_quiet", True)
"""


def test_progress_goes_to_log_lines_and_logging_stays_as_the_user_set_it(tmp_path):
    (tmp_path / "script.py").write_text(LOGGING)
    result = run_python("script.py", cwd=tmp_path, PYTHONHASHSEED="0")
    assert result.returncode == 0, result.stderr
    quiet, quiet_failure, loud, _, mine, mine_quiet, _ = result.stderr.split("----\n")
    assert quiet == quiet_failure == mine_quiet == ""
    assert "loud: 30 of 30 samples (train)" in loud
    assert 3 <= len(loud.splitlines()) <= 12
    assert all(line.startswith("MINE algebraset mine") for line in mine.splitlines()) and "30 of 30" in mine
    assert result.stdout == ""


def test_progress_is_a_bar_on_a_terminal(tmp_path):
    (tmp_path / "script.py").write_text(
        "from algebraset import DatasetPipeline\n"
        "DatasetPipeline(lambda seed: (seed, 1), None, 'out', num_train_samples=9, backend='sympy').run()\n"
    )
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    environment = {**os.environ, "PYTHONPATH": str(SRC), "PYTHONHASHSEED": "0"}
    process = subprocess.Popen([sys.executable, "script.py"], cwd=tmp_path, env=environment, stderr=theirs)
    os.close(theirs)
    shown = b""
    try:
        while block := os.read(ours, 4096):
            shown += block
    except OSError:  # how Linux says that the other end is closed
        pass
    assert process.wait(60) == 0
    os.close(ours)
    assert b"9/9" in shown and b"\r" in shown


@pytest.fixture
def copied_beside(monkeypatch):
    """Have any dataset collected as one of many samples is."""
    if sys.platform != "linux":
        pytest.skip("another process makes the final files on Linux only")
    monkeypatch.setattr("algebraset.pipeline.MANY_SAMPLES", 1)


def test_many_samples_are_copied_in_another_process_to_the_same_bytes(tmp_path, copied_beside):
    make(tmp_path / "one", n_jobs=1).run()
    make(tmp_path / "two", n_jobs=2).run()
    assert reproducible(tmp_path / "two") == reproducible(tmp_path / "one")


@pytest.mark.parametrize("first", ["counted", "copied"])
def test_what_another_process_finds_damaged_is_named_and_made_again(tmp_path, copied_beside, monkeypatch, first):
    make(tmp_path / "clean").run()

    def spoil(dataset, *args):
        shard = Path(dataset["save_dir"]) / "shards/train/0000000"
        content = (shard / "raw.txt").read_bytes()
        (shard / "raw.txt").write_bytes(content.replace(b"1", b"2", 1))
        while first == "copied" and shard.exists():  # the other process deletes it
            time.sleep(0.01)
        return merged_statistics(dataset, *args)

    with monkeypatch.context() as patch, pytest.raises(ShardError, match=r"0000000/raw\.txt is damaged"):
        patch.setattr("algebraset.pipeline.concatenate_all", _after_a_second)
        patch.setattr("algebraset.pipeline.merged_statistics", spoil)
        make(tmp_path / "damaged", n_jobs=2).run()
    assert not (tmp_path / "damaged/statistics.json").exists() and not temporary(tmp_path / "damaged")
    make(tmp_path / "damaged", n_jobs=2).run()
    assert reproducible(tmp_path / "damaged") == reproducible(tmp_path / "clean")


def temporary(folder: Path) -> list[Path]:
    return [path for path in folder.rglob(".*") if path.name != ".lock"]


def _after_a_second(*args):
    time.sleep(1)
    return concatenate_all(*args)


def _kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)


def _exit(*args):
    os._exit(0)


def _raise(*args):
    raise RuntimeError("what went wrong")


class Peculiar(Exception):
    def __init__(self, one: str, two: str) -> None:
        super().__init__(f"{one} {two}")


def _raise_what_cannot_cross(*args):
    raise Peculiar("what went", "wrong")


def _for_ever(dataset, *args):
    (Path(dataset["save_dir"]) / f".train_raw.txt.{os.getpid()}.tmp").write_text("unfinished")
    while True:
        time.sleep(1)


@pytest.mark.parametrize(
    "end, how",
    [
        (_kill, "SIGKILL"),
        (_exit, "exit code 0"),
        (_raise, "what went wrong"),
        (_raise_what_cannot_cross, "what went wrong"),
    ],
)
def test_when_the_other_process_fails_the_run_says_so_and_can_be_continued(
    tmp_path, copied_beside, monkeypatch, end, how
):
    make(tmp_path / "clean").run()
    with monkeypatch.context() as patch, pytest.raises((AlgebrasetError, RuntimeError), match=how):
        patch.setattr("algebraset.pipeline.concatenate_all", end)
        make(tmp_path / "failed", n_jobs=2).run()
    assert not (tmp_path / "failed/statistics.json").exists()  # which would be of files that are not there
    make(tmp_path / "failed", n_jobs=2).run()
    assert reproducible(tmp_path / "failed") == reproducible(tmp_path / "clean")


def test_when_counting_fails_no_process_is_left(tmp_path, copied_beside, monkeypatch):
    def interrupted(*args):
        while not temporary(tmp_path):
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr("algebraset.pipeline.concatenate_all", _for_ever)
    monkeypatch.setattr("algebraset.pipeline.merged_statistics", interrupted)
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, n_jobs=2).run()
    assert not multiprocessing.active_children() and not temporary(tmp_path)
