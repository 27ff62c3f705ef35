"""The SLURM profile on a real SLURM of one node: jobs, a retry with more memory, a killed Snakemake and its resumption.

Each SLURM job costs some five to ten seconds on two cores (Python starts three times), so the workflows here are small.
The tests are skipped where SLURM cannot be started; with ALGEBRASET_REQUIRE_SLURM=1 they fail there instead.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest
from slurm_cluster import SlurmCluster, why_no_slurm

PROFILE = Path(__file__).resolve().parents[1] / "profiles" / "slurm"
# The profile is made for a shared cluster with an accounting database. This one has none, and its jobs take seconds.
TEST_OVERRIDES = (
    "--slurm-status-command=squeue",
    "--slurm-init-seconds-before-status-checks=1",
    "--latency-wait=10",
)

SNAKEFILE = """\
localrules:
    all,


rule all:
    input:
        "merged.txt",


# with fail=1, part 1 fails until it has the memory of the second attempt
rule part:
    output:
        "parts/{part}.txt",
    log:
        "logs/part/{part}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 400 * attempt,
        runtime=lambda wildcards, attempt: attempt,
    shell:
        "exec 2> {log}; sleep {config[seconds]};"
        " test {wildcards.part} != {config[fail]} || test {resources.mem_mb} = 800 || exit 7;"
        " echo part {wildcards.part} with {resources.mem_mb} MB in job $SLURM_JOB_ID > {output}"


rule merge:
    input:
        expand("parts/{part}.txt", part=range(3)),
    output:
        "merged.txt",
    shell:
        "cat {input} > {output}"
"""


def environment(env: Mapping[str, str]) -> dict[str, str]:
    """Return `env` with this Python first on PATH, so that `python` in a rule is the tested one."""
    return {**env, "PATH": os.pathsep.join([str(Path(sys.executable).parent), env["PATH"]])}


@contextlib.contextmanager
def snakemake_process(
    args: Sequence[str], env: Mapping[str, str], cwd: Path, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Start Snakemake in `cwd`, with its output appended to `log`; its process group is killed at the end, if need be.

    The process id is Snakemake's own, and its handler of SIGINT is the default even where the caller ignores SIGINT.
    """
    command = ["env", "--default-signal=INT", sys.executable, "-m", "snakemake", *args]
    with open(log, "ab") as stream:
        process = subprocess.Popen(
            command,
            env=environment(env),
            cwd=cwd,
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


def run_snakemake(
    args: Sequence[str], env: Mapping[str, str], cwd: Path, *, timeout: float = 300, check: bool = True
) -> str:
    """Run Snakemake in `cwd` to its end and return its output.

    With `check`, an exit code other than 0 fails the test and shows the output; so does a run longer than `timeout`.
    """
    log = cwd / f"snakemake_{time.time_ns()}.log"
    with snakemake_process(args, env, cwd, log) as process:
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            pytest.fail(f"snakemake {' '.join(args)}: not done after {timeout} s\n{log.read_text()}")
    output = log.read_text()
    if check and code != 0:
        pytest.fail(f"snakemake {' '.join(args)}: exit code {code}\n{output}")
    return output


def slurm_args(*args: str) -> list[str]:
    """Return the arguments that run a workflow through profiles/slurm on the test cluster."""
    return [f"--workflow-profile={PROFILE}", *TEST_OVERRIDES, *args]


def run_id(workdir: Path) -> str:
    """Return the id that the SLURM jobs of the last run have as their name, from Snakemake's own log as documented."""
    logs = sorted((workdir / ".snakemake" / "log").glob("*.log"))
    found = [match for log in logs for match in re.findall(r"SLURM run ID: (\S+)", log.read_text())]
    assert found, logs
    return found[-1]


def wait_until(condition: Callable[[], object], timeout: float, what: str) -> None:
    """Poll `condition` until it holds; fail the test after `timeout` seconds."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {timeout} s for {what}")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def running_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """One SLURM for all tests of this file."""
    if reason := why_no_slurm():
        if os.environ.get("ALGEBRASET_REQUIRE_SLURM"):
            pytest.fail(reason)
        pytest.skip(reason)
    with SlurmCluster(tmp_path_factory.mktemp("slurm")) as cluster:
        yield cluster
    assert cluster.processes() == []


@pytest.fixture
def cluster(running_cluster: SlurmCluster) -> Iterator[SlurmCluster]:
    """The SLURM, with an empty queue before and after the test."""
    yield running_cluster
    running_cluster.cancel_all()


@pytest.fixture
def workdir(tmp_path: Path) -> Path:
    """A folder with a small workflow: three parts, one of which fails once, and a merge."""
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    return tmp_path


def merged(workdir: Path) -> list[tuple[str, ...]]:
    """Return (part, MB) of each line of the workflow's result, and check that SLURM made them."""
    lines = [line.split() for line in (workdir / "merged.txt").read_text().splitlines()]
    assert all(line[-1].isdigit() for line in lines), lines
    return [(line[1], line[3]) for line in lines]


def test_profile_runs_and_retries_with_more_memory(cluster: SlurmCluster, workdir: Path) -> None:
    output = run_snakemake(slurm_args("--config", "seconds=0", "fail=1"), cluster.env, workdir)

    assert merged(workdir) == [("0", "400"), ("1", "800"), ("2", "400")]
    states = [state for _, state in cluster.history()]
    assert states.count("FAILED") == 1
    assert "Trying to restart job" in output
    assert cluster.queue() == []
    logs = [path.relative_to(workdir) for path in (workdir / "logs" / "slurm").rglob("*.log")]
    assert [path.parts[2:4] for path in logs] == [("rule_part", "1")]  # only the failed job's is kept


def test_killed_snakemake_is_resumed_by_the_documented_recipe(cluster: SlurmCluster, workdir: Path) -> None:
    log = workdir / "killed.log"
    arguments = slurm_args("--config", "seconds=2", "fail=none")
    with snakemake_process([*arguments, "--jobs=1"], cluster.env, workdir, log) as process:
        # a part is finished for Snakemake, not only its file there: else it is rightly made again
        wait_until(lambda: "Finished jobid" in log.read_text(), 90, "the first part")
        wait_until(cluster.queue, 30, "the next job in the queue")
        process.kill()
        process.wait()

    # SLURM's jobs run on without Snakemake: cancel them by name, and wait until they are gone
    name = run_id(workdir)
    assert {job_name for _, job_name, _ in cluster.queue()} == {name}
    subprocess.run(["scancel", f"--name={name}"], env=cluster.env, check=True)
    cluster.wait_until_idle(30)
    done = modification_times(workdir)
    assert done

    locked = run_snakemake(arguments, cluster.env, workdir, check=False)
    assert "Directory cannot be locked" in locked
    run_snakemake([*arguments, "--unlock"], cluster.env, workdir)
    run_snakemake([*arguments, "--rerun-incomplete"], cluster.env, workdir)

    assert merged(workdir) == [("0", "400"), ("1", "400"), ("2", "400")]
    assert done.items() <= modification_times(workdir).items()  # finished jobs were kept


def modification_times(workdir: Path) -> dict[str, int]:
    """Return the modification time of each finished part."""
    return {path.name: path.stat().st_mtime_ns for path in (workdir / "parts").glob("*.txt")}
