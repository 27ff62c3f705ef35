"""Processes of a test: started in a session of their own, found by a mark in their environment, ended in any case."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from workflow_helpers import environment

ROOT = Path(__file__).resolve().parents[1]
MARK = "ALGEBRASET_TEST_MARK"


@dataclass
class Running:
    """A program that runs in a folder, with its output in a file there."""

    process: subprocess.Popen[bytes]
    cwd: Path
    log: Path

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    def wait(self, seconds: float = 120) -> int:
        """Wait for the end and return the exit status; the test fails if it does not end."""
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"not done after {seconds} s:\n{self.output}") from None

    def kill(self, how: signal.Signals) -> None:
        """Send a signal to the process alone and wait for its end."""
        self.process.send_signal(how)
        self.wait()

    def until(self, condition: Callable[[], object], seconds: float = 60) -> None:
        """Wait until a condition holds while the program runs."""
        end = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.output
            assert time.monotonic() < end, f"not so after {seconds} s:\n{self.output}"
            time.sleep(0.02)


@contextlib.contextmanager
def running(cwd: Path, *args: str, **changes: str) -> Iterator[Running]:
    """Start this Python with arguments in `cwd`; whatever it started and left is killed at the end.

    SIGINT has its default handler even where the caller ignores it, as shells do for background jobs.
    """
    log = cwd / f"output_{time.time_ns()}.log"
    source = str(ROOT / "src")
    with open(log, "wb") as stream:
        process = subprocess.Popen(
            ["env", "--default-signal=INT", sys.executable, *args],
            cwd=cwd,
            env=environment(PYTHONPATH=source, **{MARK: str(cwd)}, **changes),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield Running(process, cwd, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pid in marked(cwd):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def marked(cwd: Path) -> dict[int, str]:
    """Return the command lines of the live processes that were started in a folder by `running`, by process id."""
    mark, found = f"{MARK}={cwd}".encode(), {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):  # it may end while we look
                if mark in (entry / "environ").read_bytes().split(b"\0"):
                    line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    found[int(entry.name)] = line
    return found


def assert_none_left(cwd: Path, seconds: float = 10) -> None:
    """Assert that all processes that were started in a folder end, within some seconds."""
    end = time.monotonic() + seconds
    while left := marked(cwd):
        assert time.monotonic() < end, f"processes are left: {left}"
        time.sleep(0.05)
