"""The workflow on a real SLURM of one node, through profiles/slurm and as docs/slurm.md says.

One run shows it all, since a SLURM job costs some five seconds (Python starts three times): datasets of both backends,
a job that dies and is retried with more memory and time, a Snakemake that is killed and resumed. It is skipped where
SLURM cannot be started; with ALGEBRASET_REQUIRE_SLURM=1 it fails there instead.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from slurm_cluster import MARK, EndedJob, SlurmCluster, why_no_slurm
from workflow_helpers import REPOSITORY, copy_repository, data_bytes, environment, job_counts, write_config

BACKENDS = ("sympy", "sagemath")
CONFIG = "--configfile my.yaml"
ON_SLURM = "--workflow-profile profiles/slurm"
# The profile is made for a shared cluster with an accounting database. This one has none, and its jobs take seconds.
TEST_OVERRIDES = "--slurm-status-command squeue --slurm-init-seconds-before-status-checks 2"

# A file `die_<backend>` makes one batch of that backend die, `hang_<backend>` makes one hang.
GENERATOR = '''\
"""Two polynomials and their greatest common divisor."""

import os
import signal
import sys
import time
from pathlib import Path

from algebraset.tasks.{backend}.polynomial_gcd import check, statistics
from algebraset.tasks.{backend}.polynomial_gcd import generate as gcd


def generate(seed):
    if Path(sys.argv[0]).name == "generate.py":  # and not the job that tries the first sample
        if taken("die_{backend}"):
            os.kill(os.getpid(), signal.SIGKILL)
        if taken("hang_{backend}"):
            time.sleep(600)
    return gcd(seed)


def taken(file):
    try:
        os.rename(file, f"{{file}}.taken")
    except FileNotFoundError:
        return False
    return True
'''

# The SLURM jobs that end well, once each.
TRYING = {"first_sample_sympy": 1, "first_sample_sagemath": 1}
GENERATING = {"generate_sympy": 2, "generate_sagemath": 1}
COLLECTING = {"concatenate": 2, "statistics": 2, "manifest": 2}


@dataclass(frozen=True)
class Run:
    """What a run on SLURM that was killed and resumed has left, and the same datasets made locally."""

    clone: Path  # the working directory, as docs/slurm.md has it
    jobs: list[EndedJob]
    left: set[str]  # names of the jobs that ran on after Snakemake was killed
    run_id: str  # the documented recipe's
    killed: str  # outputs of Snakemake: until it was killed,
    locked: str  # started again at once,
    resumed: str  # and after the recipe
    local: Path  # working directory of the local run


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """Return a SLURM, which leaves no process behind."""
    if reason := why_no_slurm():
        if os.environ.get("ALGEBRASET_REQUIRE_SLURM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
    assert cluster.processes() == []


@pytest.fixture(scope="module")
def run(cluster: SlurmCluster, sage_test_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Make one SymPy and one SageMath dataset on SLURM, in spite of all, and locally."""
    clone, local = tmp_path_factory.mktemp("clone"), tmp_path_factory.mktemp("local")
    copy_repository(clone)
    for folder in (clone, local):
        write_user_files(folder)
    (clone / "die_sympy").touch()
    (clone / "hang_sagemath").touch()

    # A `snakemake` on PATH, but not its Python: jobs find that by themselves.
    command = tmp_path_factory.mktemp("bin") / "snakemake"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(str(sage_test_python))} -m snakemake "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{cluster.env['PATH']}"
    env = environment(**{name: cluster.env[name] for name in ("SLURM_CONF", MARK)}, PATH=path)

    log = clone / "killed.log"
    with started(f"snakemake {ON_SLURM} {CONFIG} {TEST_OVERRIDES}", clone, env, log) as process:
        # Two batches end, one of them at its second attempt; the third hangs.
        wait_until(process, lambda: finished_jobs(log.read_text())["generate_sympy"] == 2, log)
        wait_until(process, (clone / "hang_sagemath.taken").exists, log)
        process.kill()
        process.wait()
    left = {name for _, name, _ in cluster.queue()}
    locked = shell(f"snakemake {ON_SLURM} {CONFIG} {TEST_OVERRIDES}", clone, env, ok=False)

    find_run_id, cancel, look, unlock, resume = recipe()
    run_id = shell(find_run_id, clone, env).split()[-1]
    shell(cancel.replace("<run id>", run_id), clone, env)
    end = time.monotonic() + 30
    while len(shell(look.replace("<run id>", run_id), clone, env).splitlines()) > 1:  # the first is the heading
        assert time.monotonic() < end, cluster.queue()
        time.sleep(0.2)
    shell(f"{unlock} {CONFIG} {TEST_OVERRIDES}", clone, env)
    resumed = shell(f"{resume} {CONFIG} {TEST_OVERRIDES}", clone, env)

    snakefile = shlex.quote(str(REPOSITORY / "Snakefile"))
    shell(f"snakemake --snakefile {snakefile} --cores 2 {CONFIG}", local, env)
    return Run(clone, cluster.history(), left, run_id, log.read_text(), locked, resumed, local)


def write_user_files(folder: Path) -> None:
    """Write the generators and the config: two batches with SymPy, one of two processes with SageMath."""
    datasets = {}
    for backend in BACKENDS:
        (folder / f"{backend}_gcd.py").write_text(GENERATOR.format(backend=backend), encoding="utf-8")
        functions = {key: f"{backend}_gcd.py:{key}" for key in ("statistics", "check")}
        datasets[backend] = functions | {"generator": f"{backend}_gcd.py:generate", "backend": backend}
    datasets["sympy"]["batch_size"] = 6
    datasets["sagemath"]["n_jobs"] = 2
    write_config(folder / "my.yaml", dataset={"num_train_samples": 12}, datasets=datasets)


def recipe() -> list[str]:
    """Return the commands that docs/slurm.md gives for a Snakemake that was killed."""
    page = (REPOSITORY / "docs" / "slurm.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```sh\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    lines = next(block for block in blocks if "scancel" in block).splitlines()
    return [line.partition("  #")[0].strip() for line in lines]


@contextlib.contextmanager
def started(line: str, cwd: Path, env: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Start a command in `cwd` with its output in `log`; its process group is killed at the end, if need be."""
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            shlex.split(line),
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(process: subprocess.Popen[bytes], condition: Callable[[], bool], log: Path) -> None:
    """Wait until a condition holds while a process runs."""
    end = time.monotonic() + 600
    while not condition():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end, log.read_text()
        time.sleep(0.2)


def shell(line: str, cwd: Path, env: dict[str, str], ok: bool = True) -> str:
    """Run a line of shell in `cwd` and return its output; `ok` says whether it must succeed or must fail."""
    result = subprocess.run(
        line,
        shell=True,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    assert (result.returncode == 0) == ok, result.stdout
    return result.stdout


def finished_jobs(output: str) -> Counter[str]:
    """Return the number of jobs by rule that Snakemake has seen to end well."""
    return Counter(re.findall(r"^Finished jobid: \d+ \(Rule: (\w+)\)", output, re.MULTILINE))


def seen_to_end_well(output: str) -> set[str]:
    """Return SLURM's numbers of the jobs that a Snakemake has seen to end well; others ended after it was killed."""
    submitted = dict(re.findall(r"Job (\d+) has been submitted with SLURM jobid (\d+)", output))
    return {submitted[job] for job in re.findall(r"^Finished jobid: (\d+) ", output, re.MULTILINE) if job in submitted}


def completed(jobs: list[EndedJob]) -> Counter[str]:
    """Return the number of jobs by rule that ended well according to SLURM."""
    return Counter(job.rule for job in jobs if job.state == "COMPLETED" and job.rule)


def test_both_datasets_have_the_bytes_of_a_local_run(run: Run) -> None:
    for backend in BACKENDS:
        on_slurm, locally = (data_bytes(folder / "data" / backend) for folder in (run.clone, run.local))
        assert set(on_slurm) == {"train_raw.txt", "train_data.jsonl", "SHA256SUMS", "statistics"}
        assert on_slurm == locally
        assert len(on_slurm["train_raw.txt"].splitlines()) == 12
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=run.clone / "data" / backend, check=True)


def test_all_jobs_ran_on_slurm(run: Run) -> None:
    done = completed(run.jobs)
    assert {rule: done[rule] for rule in TRYING | GENERATING} == TRYING | GENERATING
    # One of these may have ended after Snakemake was killed, and so be made again.
    assert set(done) == set(TRYING | GENERATING | COLLECTING)
    assert all(done[rule] >= count for rule, count in COLLECTING.items())


def test_a_job_that_dies_is_retried_with_more_memory_and_time(run: Run) -> None:
    [failed] = [job for job in run.jobs if job.state == "FAILED"]
    assert (failed.rule, failed.cpus, failed.memory, failed.time_limit) == ("generate_sympy", "1", "1500M", "2:00:00")
    [retried] = [job for job in run.jobs if job.comment == failed.comment and job is not failed]
    assert (retried.state, retried.memory, retried.time_limit) == ("COMPLETED", "2500M", "4:00:00")
    assert "Trying to restart job" in run.killed
    # Of the jobs whose end Snakemake saw, SLURM's output of the failed one is kept.
    seen = seen_to_end_well(run.killed) | seen_to_end_well(run.resumed)
    assert retried.id in seen
    logs = {path.stem: path for path in (run.clone / "logs" / "slurm").rglob("*.log")}
    assert (seen | {failed.id}) & set(logs) == {failed.id}
    assert logs[failed.id].relative_to(run.clone).parts[:3] == ("logs", "slurm", "rule_generate_sympy")


def test_n_jobs_is_the_number_of_cpus(run: Run) -> None:
    found = {(job.cpus, job.memory) for job in run.jobs if job.rule == "generate_sagemath"}
    assert found == {("2", "2500M")}


def test_a_killed_snakemake_is_resumed_by_the_documented_recipe(run: Run) -> None:
    assert run.left == {run.run_id}  # SLURM's jobs ran on without Snakemake, and had the name that the recipe finds
    assert "Directory cannot be locked" in run.locked
    cancelled = Counter(job.rule for job in run.jobs if job.state == "CANCELLED")
    assert cancelled["generate_sagemath"] == 1
    # What was finished is kept: only the batch that was cancelled is made again.
    planned = job_counts(run.resumed)
    assert {rule: count for rule, count in planned.items() if rule not in COLLECTING} == {"generate_sagemath": 1}
