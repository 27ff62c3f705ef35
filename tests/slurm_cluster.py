"""A real SLURM cluster of one node, on loopback, in one folder: for tests only.

`SlurmCluster` starts munged, slurmctld and slurmd as children of the calling process, without systemd, without an
accounting database, on ports that were free at the start. Nothing outside the folder is read or written, so clusters of
several test runs live side by side. Debian packages: munge, slurmctld, slurmd, slurm-client.

    with SlurmCluster(tmp_path) as cluster:
        subprocess.run(["sbatch", "--wrap", "hostname"], env=cluster.env)
        cluster.wait_until_idle(60)
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

DAEMONS = ("munged", "slurmctld", "slurmd")
COMMANDS = ("sbatch", "srun", "squeue", "scancel", "sinfo", "scontrol")
# Daemons are in sbin, which is not on everyone's PATH.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
# Every process of a cluster carries this variable. Its name does not begin with SLURM_, because the executor plugin
# removes those variables inside a job.
MARK = "TEST_SLURM_CLUSTER"
# A Unix socket's path has 108 bytes at most; below the folder come "/spool/", the host name, job and step numbers.
LONGEST_FOLDER = 70
# The node has at least so much on paper, so that a few jobs run at a time wherever the tests do.
LEAST_CPUS = 4
LEAST_MEMORY_MB = 8000

CONFIG = """\
ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
SlurmctldPort={slurmctld_port}
SlurmdPort={slurmd_port}
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
# What the node has is what this file says: jobs ask for more memory than they use, and it must fit.
SlurmdParameters=config_overrides
# No cgroups: they are not writable in most containers. Memory is polled once a second instead.
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc={folder}/log/jobcomp.log
# Schedule at once: the defaults save a big controller's time and make small jobs wait for seconds.
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0,sched_interval=1,bf_interval=1
# Without a database squeue is the only witness of how a job ended: it must remember longer than a test takes.
MinJobAge=3600
KillWait=5
ReturnToService=2
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory_mb} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=1440 State=UP
"""

# The executor plugin removes SLURM_CONF before it calls srun inside a job, and srun would then look in /etc/slurm.
SRUN_WRAPPER = """\
#!/bin/sh
SLURM_CONF={folder}/slurm.conf
export SLURM_CONF
exec {srun} "$@"
"""


class SlurmError(RuntimeError):
    """The test cluster did not start, or did not stop cleanly."""


def why_no_slurm() -> str | None:
    """Return why a test cluster cannot be started here, in one line, or None if it can."""
    if not sys.platform.startswith("linux"):
        return "SLURM runs on Linux only"
    if os.geteuid() != 0:
        return "SLURM's daemons start jobs for other users and need root"
    missing = [name for name in (*DAEMONS, *COMMANDS) if not _find(name)]
    if missing:
        return f"not installed: {' '.join(missing)} (Debian: apt-get install slurmctld slurmd slurm-client munge)"
    if find_spec("snakemake_executor_plugin_slurm") is None:
        return "not installed: the Python package snakemake-executor-plugin-slurm"
    return None


@dataclass(frozen=True)
class EndedJob:
    """A job that has ended, as squeue writes it."""

    id: str
    state: str
    cpus: str  # what it asked for: "1",
    memory: str  # "1500M",
    time_limit: str  # "2:00:00"
    comment: str  # the executor plugin's: "rule_<name>_wildcards_<wildcards>"

    @property
    def rule(self) -> str:
        """The rule that the job was for, "" if it is not Snakemake's."""
        return self.comment.partition("_wildcards_")[0].removeprefix("rule_") if "_wildcards_" in self.comment else ""


class SlurmCluster:
    """One SLURM controller and one node with all CPUs and 90 % of the memory of this machine, at least on paper.

    Args:
        folder: an existing or new folder, for the cluster alone; configuration, state, spool and logs go there.
        start_timeout: seconds until a first job step must have run.

    Attributes:
        env: the environment for everything that talks to the cluster.

    Raises:
        ValueError: the folder's path is too long for the Unix sockets below it.
        SlurmError: from `start`, with the ends of the logs; from `stop`, if a process could not be ended.
    """

    def __init__(self, folder: str | os.PathLike[str], start_timeout: float = 30.0) -> None:
        self.folder = Path(folder).resolve()
        self.start_timeout = start_timeout
        if len(str(self.folder)) > LONGEST_FOLDER:
            raise ValueError(f"path longer than {LONGEST_FOLDER} bytes, too long for Unix sockets: {self.folder}")
        self.config = self.folder / "slurm.conf"
        self.env = dict(os.environ)
        self.env["SLURM_CONF"] = str(self.config)
        self.env["PATH"] = os.pathsep.join([str(self.folder / "bin"), SEARCH_PATH])
        self.env[MARK] = str(self.folder)
        self._daemons: list[tuple[str, subprocess.Popen[bytes]]] = []
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start the three daemons and wait until a job step runs."""
        for name in ("bin", "log", "state", "spool", "munge"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "munge").chmod(0o755)  # munged refuses a socket in a folder that others could change
        self._write_config()
        self._start_guard()
        key = self.folder / "munge" / "key"
        key.touch(mode=0o600)
        key.write_bytes(os.urandom(1024))
        self._launch(
            "munged",
            "--foreground",
            "--force",
            f"--key-file={key}",
            f"--socket={self.folder}/munge/socket",
            f"--pid-file={self.folder}/munge/pid",
            f"--log-file={self.folder}/log/munged.log",
            f"--seed-file={self.folder}/munge/seed",
        )
        self._wait_for((self.folder / "munge" / "socket").exists, "munged's socket")
        self._launch("slurmctld", "-D", "-c")
        self._launch("slurmd", "-D")
        self._wait_for(self._runs_a_step, "a first job step")

    def stop(self) -> None:
        """Cancel all jobs, end the daemons and whatever else the cluster has started. May be called twice."""
        running = {name for name, process in self._daemons if process.poll() is None}
        if {"munged", "slurmctld", "slurmd"} <= running:
            with contextlib.suppress(subprocess.SubprocessError, SlurmError):
                self.cancel_all()
        for _, process in reversed(self._daemons):
            if process.poll() is None:
                process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
        self._daemons.clear()
        self._end_leftovers()
        if self._guard:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def queue(self) -> list[tuple[str, str, str]]:
        """Return (job id, name, state) of the jobs that have not ended. Snakemake names jobs by its SLURM run ID."""
        lines = self._call("squeue", "--noheader", "--format=%i|%j|%T").splitlines()
        return [(job, name, state) for job, name, state in (line.strip().split("|") for line in lines)]

    def history(self) -> list[EndedJob]:
        """Return the jobs that have ended, in the order of their ids."""
        lines = self._call("squeue", "--noheader", "--states=all", "--format=%i|%T|%C|%m|%l|%k").splitlines()
        jobs = [EndedJob(*line.strip().split("|")) for line in lines]
        running = {job for job, _, _ in self.queue()}
        return sorted((job for job in jobs if job.id not in running), key=lambda job: int(job.id))

    def wait_until_idle(self, timeout: float) -> None:
        """Wait until no job is left in the queue; SlurmError after `timeout` seconds."""
        self._wait_for(lambda: not self.queue(), "an empty queue", timeout)

    def cancel_all(self) -> None:
        """Cancel all jobs and wait until they are gone."""
        if jobs := [job for job, _, _ in self.queue()]:
            self._call("scancel", "--full", "--signal=KILL", *jobs)
            self._call("scancel", *jobs)
            self.wait_until_idle(20)

    def processes(self) -> list[int]:
        """Return the ids of all live processes that belong to this cluster: daemons, jobs, and clients with `env`."""
        mark = f"{MARK}={self.folder}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                with contextlib.suppress(OSError):  # it may end while we look
                    if mark in (entry / "environ").read_bytes().split(b"\0"):
                        found.append(int(entry.name))
        return sorted(found)

    def _write_config(self) -> None:
        memory_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20
        slurmctld_port, slurmd_port = _free_ports(2)
        config = CONFIG.format(
            folder=self.folder,
            host=socket.gethostname().partition(".")[0],
            slurmctld_port=slurmctld_port,
            slurmd_port=slurmd_port,
            cpus=max(os.cpu_count() or 1, LEAST_CPUS),
            memory_mb=max(memory_mb * 9 // 10, LEAST_MEMORY_MB),
        )
        self.config.write_text(config)
        wrapper = self.folder / "bin" / "srun"
        wrapper.write_text(SRUN_WRAPPER.format(folder=self.folder, srun=_find("srun")))
        wrapper.chmod(0o755)

    def _start_guard(self) -> None:
        """Start the process that ends the cluster if this one is killed: it waits for the end of its standard input."""
        self._guard = subprocess.Popen(
            [sys.executable, __file__, str(self.folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def _launch(self, name: str, *arguments: str) -> None:
        command = [_find(name) or name, *arguments]
        with open(self.folder / "log" / f"{name}.err", "wb") as log:
            process = subprocess.Popen(
                command,
                env=self.env,
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C in the test's terminal must not end the cluster before its jobs
            )
        self._daemons.append((name, process))

    def _call(self, *command: str, timeout: float = 30.0) -> str:
        done = subprocess.run(
            command, env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout
        )
        if done.returncode:
            raise SlurmError(f"{' '.join(command)}: {done.stderr.strip()}")
        return done.stdout

    def _runs_a_step(self) -> bool:
        try:
            self._call("srun", "--ntasks=1", "--mem=50", "--time=1", "--immediate=2", "true", timeout=10)
        except (SlurmError, subprocess.TimeoutExpired):
            return False
        return True

    def _wait_for(self, condition: Callable[[], object], what: str, timeout: float | None = None) -> None:
        deadline = time.monotonic() + (timeout or self.start_timeout)
        while not condition():
            dead = [name for name, process in self._daemons if process.poll() is not None]
            if dead or time.monotonic() > deadline:
                reason = f"{' and '.join(dead)} died" if dead else "time is up"
                raise SlurmError(f"waited for {what}: {reason}\n{self._logs()}")
            time.sleep(0.1)

    def _end_leftovers(self) -> None:
        """End what outlived its daemon: steps of jobs, or a Snakemake that a failed test left behind.

        Only processes with this cluster's mark in their environment are touched.
        """
        for _ in range(20):
            left = self.processes()
            if not left:
                return
            for pid in left:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.1)
        raise SlurmError(f"processes of the test cluster survive: {left}")

    def _logs(self) -> str:
        parts = []
        for path in sorted((self.folder / "log").iterdir()):
            if tail := path.read_text(errors="replace").splitlines()[-15:]:
                parts.append("\n".join([f"--- {path.name}", *tail]))
        return "\n".join(parts)


def _find(command: str) -> str | None:
    return shutil.which(command, path=SEARCH_PATH)


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on now. All are held until all are chosen, so they differ."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


if __name__ == "__main__":  # the guard of a cluster
    sys.stdin.buffer.read()
    SlurmCluster(sys.argv[1])._end_leftovers()
