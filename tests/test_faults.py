"""Faults in real runs of the workflow and of the Python API: each is survived, or ends in a clear error and the next
run resumes. In the end every byte is that of an undisturbed run.

Faults that other files inject into real runs: runs that are killed or interrupted in C code
(test_sagemath_workflow.py), a killed Snakemake whose jobs are a cluster's (test_slurm.py), attempts that never end
(test_timeouts.py), an exception that names its sample (test_workflow.py, test_generate.py), a run killed while
collecting (test_pipeline.py), and every kind of damage to a shard, by the API (test_collect.py).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from processes import Running, assert_none_left, running
from workflow_helpers import REPOSITORY, command, data_bytes, edit, environment, write_config

from algebraset import sample_seed
from algebraset.workers import RECYCLED

FAULTY = '''\
"""Sums of small integers; the file `fault` beside this one says what happens at sample 9 of the split train."""

import os
import random
import signal
import sys
import time
from pathlib import Path

import algebraset

HERE = Path(__file__).resolve().parent
FAULT = HERE / "fault"
AT = algebraset.sample_seed(42, "train", 9)


def generate(seed, width=1):
    with open(HERE / "calls", "a") as calls:
        calls.write(f"{seed}\\n")
    if seed == AT and FAULT.exists():
        fail(FAULT.read_text())
    rng = random.Random(seed)
    problem = [rng.randrange(100) for _ in range(3)]
    return problem, str(sum(problem)).zfill(width)


def fail(kind):
    if kind == "wait":
        (HERE / "reached").touch()
        while FAULT.exists():
            time.sleep(0.01)
    if kind == "killed once":
        FAULT.unlink()
    if kind.startswith("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    if kind == "sys.exit":
        sys.exit("enough")
    if kind.startswith("os._exit"):
        os._exit(int(kind.split()[1]))


def statistics(problem, answer):
    return {"problem": {"tenth": sum(problem) / 10}, "answer": {"length": len(answer)}}
'''

# Functions of the script itself reach the workers by value: a lambda and an object.
SCRIPT = """\
import importlib
import json
import pathlib

from algebraset import DatasetPipeline

config = json.loads(pathlib.Path("config.yaml").read_text())["dataset"]
module = importlib.import_module(config["generator"].split(".")[0])


class Statistics:
    def __call__(self, problem, answer):
        return module.statistics(problem, answer)


DatasetPipeline.from_config(config, lambda seed, **params: module.generate(seed, **params), Statistics()).run()
"""

BATCH = 4
SPLITS = {"train": 11}
SCHEDULERS = ["workflow", "api"]


def prepare(cwd: Path, fault: str = "", **keys: Any) -> None:
    """Write generator, script and config of a dataset in three batches into a folder, and the fault, if any."""
    (cwd / "faulty.py").write_text(FAULTY)
    (cwd / "script.py").write_text(SCRIPT)
    if fault:
        (cwd / "fault").write_text(fault)
    configure(cwd, **keys)


def configure(cwd: Path, **keys: Any) -> None:
    functions = {"generator": "faulty.py:generate", "statistics": "faulty.py:statistics"}
    write_config(cwd / "config.yaml", dataset=functions | {"splits": SPLITS, "batch_size": BATCH} | keys)


def arguments(scheduler: str, *options: str) -> list[str]:
    """Return what Python is started with: Snakemake, with room for two jobs of two processes, or the script."""
    if scheduler == "api":
        return ["script.py"]
    return command("--configfile", "config.yaml", "--cores", "4", *options)[1:]


def run(cwd: Path, scheduler: str, *options: str, ok: bool = True, once: bool = False) -> str:
    """Run to the end, which must be a success or a failure, and return the output; no process may be left.

    With `once`, Snakemake does not try a failed job again, which changes nothing here and takes time.
    """
    if once and scheduler == "workflow":
        options = (*options, "--retries", "0")
    with running(cwd, *arguments(scheduler, *options)) as process:
        assert (process.wait() == 0) == ok, process.output
        assert_none_left(cwd)
        return process.output


def assert_undisturbed(cwd: Path, expected: dict[str, bytes], kept: bool = False) -> None:
    """Assert that a folder has the files of an undisturbed run, byte for byte, and no scratch of another one."""
    assert data_bytes(cwd / "data") == expected
    assert kept or not [path for path in (cwd / "data/shards").rglob("*") if path.is_file()]
    assert not [path for path in (cwd / "data").rglob(".*") if path.name != ".snakemake_timestamp"]


def calls(cwd: Path) -> set[int]:
    """Return the seeds the generator was called with since this was last asked."""
    seeds = {int(line) for line in (cwd / "calls").read_text().split()}
    (cwd / "calls").unlink()
    return seeds


def seeds(start: int, stop: int) -> set[int]:
    return {sample_seed(42, "train", index) for index in range(start, stop)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return what an undisturbed run writes: of the workflow and of the API the same."""
    written = []
    for scheduler in SCHEDULERS:
        cwd = tmp_path_factory.mktemp(scheduler)
        prepare(cwd)
        run(cwd, scheduler)
        written.append(data_bytes(cwd / "data"))
    assert written[0] == written[1]
    assert written[0]["train_raw.txt"].count(b"\n") == SPLITS["train"]
    assert written[0]["train_data.jsonl"] and written[0]["SHA256SUMS"] and b"tenth" in written[0]["statistics"]
    return written[0]


@contextmanager
def waiting(cwd: Path, scheduler: str) -> Iterator[Running]:
    """Start a run and wait until all that is left to do waits at sample 9, in the last batch."""
    (cwd / "fault").write_text("wait")
    with running(cwd, *arguments(scheduler)) as process:
        process.until((cwd / "reached").exists)
        if scheduler == "workflow":
            process.until(lambda: process.output.count("(Rule: generate_sympy)") == 2)
        else:
            # not in a hidden folder, which a kill would leave unfinished
            process.until(lambda: len(list((cwd / "data/shards/train").glob("0*/sidecar"))) == 2)
        yield process
    (cwd / "fault").unlink(missing_ok=True)


def mend(cwd: Path) -> None:
    """Take the fault away, and forget which samples were made until now."""
    (cwd / "fault").unlink(missing_ok=True)
    calls(cwd)


# Killed.


@pytest.mark.parametrize(("scheduler", "n_jobs"), [("workflow", 2), ("api", 1), ("api", 2)])
def test_a_killed_run_resumes(tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str, n_jobs: int) -> None:
    prepare(tmp_path, n_jobs=n_jobs)
    with waiting(tmp_path, scheduler) as process:
        process.kill(signal.SIGKILL)
        assert_none_left(tmp_path)  # neither jobs nor workers, although nobody could stop them
    calls(tmp_path)
    if scheduler == "workflow":
        run(tmp_path, scheduler, "--unlock")
    run(tmp_path, scheduler)
    assert calls(tmp_path) == seeds(8, 11)
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_the_batch_of_a_killed_worker_is_tried_again(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str
) -> None:
    prepare(tmp_path, "killed once", n_jobs=2)
    output = run(tmp_path, scheduler)
    assert re.search(
        r"a worker process died \(SIGKILL, .*\) at samples \d+ to \d+ of split 'train' \(batch 2\)", output
    )
    assert_undisturbed(tmp_path, undisturbed)


def test_a_worker_that_is_killed_again_is_an_error(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    prepare(tmp_path, "killed", n_jobs=2)
    output = run(tmp_path, "api", ok=False)
    assert output.count("Trying once more") == 1
    assert "WorkerDied: a worker process died (SIGKILL" in output.splitlines()[-1]
    mend(tmp_path)
    run(tmp_path, "api")
    assert calls(tmp_path) == seeds(8, 11)
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.parametrize(("then", "made"), [(3, seeds(8, 11)), (1, seeds(0, 11))], ids=["same plan", "another plan"])
def test_a_killed_generate_job_resumes(
    tmp_path: Path, undisturbed: dict[str, bytes], then: int, made: set[int]
) -> None:
    """A job of all three batches is killed in the third, twice: Snakemake tries it again by itself."""
    prepare(tmp_path, "killed", batches_per_job=3)
    output = run(tmp_path, "workflow", ok=False)
    assert output.count("Error in rule generate_sympy") == 2 and "batch=0000000" in output
    mend(tmp_path)
    assert list((tmp_path / "data/shards/train").glob(".*"))
    configure(tmp_path, batches_per_job=then)
    run(tmp_path, "workflow")
    assert calls(tmp_path) == made
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_ctrl_c_ends_a_run_which_resumes(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str, n_jobs: int
) -> None:
    prepare(tmp_path, n_jobs=n_jobs)
    with waiting(tmp_path, scheduler) as process:
        os.killpg(process.process.pid, signal.SIGINT)  # as a terminal does it
        assert process.wait(10) != 0
        assert_none_left(tmp_path, seconds=5)
    calls(tmp_path)
    run(tmp_path, scheduler)
    assert calls(tmp_path) == seeds(8, 11)
    assert_undisturbed(tmp_path, undisturbed)


# Disks.


@contextmanager
def mounted(folder: Path, options: str) -> Iterator[Callable[[str], None]]:
    """Mount a file system in memory on a folder; the test is skipped, with the reason, where that is not allowed.

    Yields:
        A function that changes its options.
    """
    if shutil.which("mount") is None:
        pytest.skip("mount is not on PATH")
    folder.mkdir()
    line = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    result = subprocess.run(line, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        pytest.skip(f"no file system can be mounted: {result.stderr.strip()}")
    try:
        yield lambda changed: subprocess.run(["mount", "-o", f"remount,{changed}", str(folder)], check=True)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_full_disk_is_named_and_with_more_room_the_run_resumes(tmp_path: Path, scheduler: str) -> None:
    """Samples of 20 kB: the shards need 440 kB, and the final files as much again."""
    for name in ("clean", "full"):
        (tmp_path / name).mkdir()
        prepare(tmp_path / name, generator_params={"width": 20_000})
    run(tmp_path / "clean", "api")
    cwd, one_core = tmp_path / "full", ("--cores", "1") if scheduler == "workflow" else ()
    with mounted(cwd / "data", "size=256k") as remount:
        output = run(cwd, scheduler, *one_core, ok=False, once=True)
        assert re.search(r"data/shards/train/\S+ cannot be written: No space left on device", output), output
        mend(cwd)
        if scheduler == "workflow":  # so full that not even the logs can be written, which would say so
            ballast = cwd / "data/ballast"
            with suppress(OSError), open(ballast, "wb", buffering=0) as file:
                while True:
                    file.write(bytes(4096))
            assert "data: no space left on device" in run(cwd, scheduler, ok=False, once=True)
            ballast.unlink()
        remount("size=640k")
        output = run(cwd, scheduler, *one_core, ok=False, once=True)
        assert re.search(r"No space left on device: '\S*data/\.?train_(raw\.txt|data\.jsonl)", output), output
        assert 0 < len(calls(cwd)) < SPLITS["train"]
        remount("size=4m")
        run(cwd, scheduler)
        assert not (cwd / "calls").exists()
        assert_undisturbed(cwd, data_bytes(tmp_path / "clean/data"))


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_a_folder_that_cannot_be_written_is_named_before_any_work(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str
) -> None:
    prepare(tmp_path)
    with mounted(tmp_path / "data", "ro") as remount:
        output = run(tmp_path, scheduler, ok=False)
        assert re.search(r"save_dir = 'data'.* cannot be written", output), output
        assert not (tmp_path / "calls").exists()
        remount("rw")
        run(tmp_path, scheduler)
        assert_undisturbed(tmp_path, undisturbed)


# Damaged shards.


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_damaged_and_foreign_shards_are_named_and_made_anew(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str
) -> None:
    """In the shards of a dataset that grows, and nothing shows in the times of the files."""
    cwd, other = tmp_path / "data set", tmp_path / "other"
    kept: dict[str, Any] = {"keep_shards": True, "batch_size": 2}
    for folder, keys in ((cwd, {}), (other, {"root_seed": 7})):
        folder.mkdir()
        prepare(folder, splits={"train": 10}, **kept, **keys)
        run(folder, scheduler if folder == cwd else "api")
    calls(cwd)
    shards, foreign = cwd / "data/shards/train", other / "data/shards/train"
    texts = [(shards / f"{number:07d}/raw.txt").read_bytes() for number in range(3)]
    rewrite(shards / "0000000/raw.txt", texts[0][:-5])
    rewrite(shards / "0000001/raw.txt", bytes([texts[1][0] ^ 1]) + texts[1][1:])
    rewrite(shards / "0000002/raw.txt", texts[0])
    for name in ("0000003/raw.txt", "0000003/data.jsonl", "0000003/sidecar"):
        rewrite(shards / name, (foreign / name).read_bytes())
    (shards / "notes.md").write_text("mine")

    configure(cwd, **kept)
    output = run(cwd, scheduler, ok=False, once=True)
    assert "1 files or folders that are no planned batch's (notes.md)" in output
    damaged = set(re.findall(r"data/shards/train/(\d+)/raw\.txt is damaged: its checksum", output))
    damaged |= set(re.findall(r"data/shards/train/(\d+)/sidecar was made with another config", output))
    if scheduler == "api":  # which looks at sizes and settings before it makes samples
        assert damaged == {"0000001"} or damaged == {"0000001", "0000002"}
        before = re.search(r"data/shards/train: damaged or not of this dataset, so they are made anew: (.*)", output)
        damaged |= set(before[1].split(", "))
    assert damaged == {f"{number:07d}" for number in range(4)}

    assert (shards / "notes.md").read_text() == "mine"  # what is nobody's is for the user to delete
    (shards / "notes.md").unlink()
    run(cwd, scheduler)
    assert calls(cwd) == seeds(0, 8) | seeds(10, 11)
    assert_undisturbed(cwd, undisturbed, kept=True)


def rewrite(path: Path, content: bytes) -> None:
    """Change a file and leave its modification time, as a failing disk does."""
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


# Two runs at once.


@pytest.mark.parametrize("second", SCHEDULERS)
@pytest.mark.parametrize("first", SCHEDULERS)
def test_a_second_run_in_the_same_folder_is_refused(
    tmp_path: Path, undisturbed: dict[str, bytes], first: str, second: str
) -> None:
    prepare(tmp_path)
    with waiting(tmp_path, first) as process:
        started = subprocess.run(  # not by `running`, which ends all that was started in the folder
            [sys.executable, *arguments(second)],
            cwd=tmp_path,
            env=environment(PYTHONPATH=str(REPOSITORY / "src")),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert started.returncode != 0
        message = "another run is working in data"
        assert ("Directory cannot be locked" if first == second == "workflow" else message) in started.stderr
        (tmp_path / "fault").unlink()
        assert process.wait() == 0, process.output
    assert calls(tmp_path) == seeds(0, 11)
    assert_undisturbed(tmp_path, undisturbed)


# Generators that do what they should not.

NOISY = """\
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import faulty
from faulty import statistics

POOL = ThreadPoolExecutor(2)
threading.Thread(target=time.sleep, args=(10**6,), daemon=True).start()


def generate(seed, width=1):
    print("printed é", flush=True)
    print("printed too", file=sys.stderr)
    os.write(1, b"written \\xff\\n")
    os.write(2, b"written too\\n")
    threading.Thread(target=time.sleep, args=(0.01,)).start()
    child = os.fork()
    if child == 0:
        os._exit(1)
    os.waitpid(child, 0)
    os.chdir("/" if seed % 2 else "/tmp")
    return POOL.submit(faulty.generate, seed, width).result()
"""


@pytest.mark.parametrize(("scheduler", "n_jobs"), [("workflow", 1), ("api", 1), ("api", 2)])
def test_output_threads_forks_and_folders_of_a_generator_change_no_byte(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str, n_jobs: int
) -> None:
    (tmp_path / "noisy.py").write_text(NOISY)
    prepare(tmp_path, generator="noisy.py:generate", n_jobs=n_jobs)
    output = run(tmp_path, scheduler)
    if scheduler == "workflow":
        output = (tmp_path / "data/logs/generate/train/0000002.log").read_text(errors="replace")
    for words in ("printed é", "printed too", "written \ufffd", "written too"):
        assert words in output
    assert_undisturbed(tmp_path, undisturbed)


@pytest.mark.parametrize("scheduler", SCHEDULERS)
def test_sys_exit_in_a_generator_is_an_error_of_the_sample(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str
) -> None:
    prepare(tmp_path, "sys.exit")
    output = run(tmp_path, scheduler, ok=False, once=True)
    error = f"split 'train', index 9, attempt 0, seed {sample_seed(42, 'train', 9)}: SystemExit: enough"
    assert error in output
    command = re.search(r"Repeat it with: (.*)", output)[1]
    if scheduler == "workflow":
        line = {"cwd": tmp_path, "env": environment(PYTHONPATH=str(REPOSITORY / "src"))}
        repeated = subprocess.run(["bash", "-c", command], **line, capture_output=True, text=True, check=False)
        assert repeated.returncode == 1 and error in repeated.stderr
    else:
        assert command == "instance_generator(algebraset.sample_seed(42, 'train', 9, 0))"
    assert_mended(tmp_path, scheduler, undisturbed)


def assert_mended(cwd: Path, scheduler: str, undisturbed: dict[str, bytes]) -> None:
    """Mend the generator's file and assert that the next run is undisturbed; the fault still asks for trouble."""
    calls(cwd)
    edit(cwd / "faulty.py", "if seed == AT and FAULT.exists():", "if False:")
    run(cwd, scheduler)
    # The script's functions are its own, and call those of the file that was mended; the workflow's come from the file.
    assert calls(cwd) == (seeds(8, 11) if scheduler == "api" else seeds(0, 11))
    assert_undisturbed(cwd, undisturbed)


@pytest.mark.parametrize(("scheduler", "status"), [("workflow", 3), ("api", 0), ("api", RECYCLED)])
def test_os_exit_in_a_generator_is_the_death_of_a_worker(
    tmp_path: Path, undisturbed: dict[str, bytes], scheduler: str, status: int
) -> None:
    prepare(tmp_path, f"os._exit {status}", n_jobs=2)
    output = run(tmp_path, scheduler, ok=False, once=True)
    death = rf"a worker process died \(exit code {status}\) at samples \d+ to \d+ of split 'train' \(batch 2\)"
    assert re.search(death, output), output
    assert_mended(tmp_path, scheduler, undisturbed)


def test_os_exit_in_a_job_without_workers_is_an_error_of_the_job(tmp_path: Path, undisturbed: dict[str, bytes]) -> None:
    """Nobody is there to say more than that the job of this batch did not write its shard."""
    prepare(tmp_path, "os._exit 0")
    output = run(tmp_path, "workflow", "--latency-wait", "1", ok=False, once=True)
    assert "MissingOutputException in rule generate_sympy" in output
    assert "data/shards/train/0000002 (missing locally" in output
    assert_mended(tmp_path, "workflow", undisturbed)
