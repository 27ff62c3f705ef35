"""Watchdog: ends a worker process whose sample takes too long, and tells the parent which sample that was.

Signals do not reach Python while C code runs, so the process is ended by the thread of `faulthandler`, which needs no
Python. Before each attempt the worker notes which one it is; afterwards the parent reads the note.
"""

from __future__ import annotations

import faulthandler
import os
import struct
from pathlib import Path

_NOTE = struct.Struct("<qq")


class Watchdog:
    """A worker's side: `start` before each attempt, `stop` when the sample is finished.

    Args:
        seconds: time for one attempt, including statistics, check and conversion to text.
        folder: where the notes of all workers are.
    """

    def __init__(self, seconds: float, folder: Path) -> None:
        self.seconds = seconds
        stem = folder / str(os.getpid())
        self._note = os.open(stem.with_suffix(".note"), os.O_WRONLY | os.O_CREAT)
        self._trace = open(stem.with_suffix(".trace"), "wb")  # noqa: SIM115 (open as long as the worker lives)

    def start(self, index: int, attempt: int) -> None:
        """Note the attempt and start the clock."""
        os.pwrite(self._note, _NOTE.pack(index, attempt), 0)
        faulthandler.dump_traceback_later(self.seconds, exit=True, file=self._trace)

    def stop(self) -> None:
        """Stop the clock."""
        faulthandler.cancel_dump_traceback_later()


def timed_out_attempt(folder: Path, pid: int) -> tuple[int, int] | None:
    """Return index and attempt of the sample that a worker was ended for; None if it died of something else."""
    stem = folder / str(pid)
    try:
        if stem.with_suffix(".trace").stat().st_size == 0:
            return None
        index, attempt = _NOTE.unpack(stem.with_suffix(".note").read_bytes())
        return index, attempt
    except (FileNotFoundError, struct.error):
        return None
    finally:
        for suffix in (".note", ".trace"):
            stem.with_suffix(suffix).unlink(missing_ok=True)
