"""Worker processes: fresh interpreters without the user's main module, whose every death the pool (pebble) sees.

They are multiprocessing's ("spawn") but for that module, which would be run again. joblib's (loky) leave it out too,
but import joblib in each process, which takes longer than all else before the generator is loaded.
"""

from __future__ import annotations

import io
import os
import sys
from multiprocessing import context, popen_spawn_posix, process, reduction, resource_tracker, spawn, util

EXITED = 256
"""Stands for exit status 0, which no exit status is."""


class _Popen(popen_spawn_posix.Popen):
    """Starts a process as its base class does, and tells it nothing of the main module or the user's start method."""

    def _launch(self, worker: process.BaseProcess) -> None:
        tracker = resource_tracker.getfd()
        prepared = {
            "name": worker.name,
            "authkey": process.current_process().authkey,
            "sys_path": [path or process.ORIGINAL_DIR for path in sys.path],
            "sys_argv": sys.argv,
            "orig_dir": process.ORIGINAL_DIR,
            "dir": os.getcwd(),
        }
        content = io.BytesIO()
        context.set_spawning_popen(self)
        try:
            reduction.dump(prepared, content)
            reduction.dump(worker, content)
        finally:
            context.set_spawning_popen(None)
        self.sentinel, alive = os.pipe()  # readable when the process is gone
        try:
            received, sending = os.pipe()
        except OSError:
            util.close_fds(self.sentinel, alive)
            raise
        self.finalizer = util.Finalize(self, util.close_fds, (self.sentinel, sending))
        try:
            command = spawn.get_command_line(tracker_fd=tracker, pipe_handle=received)
            # The options of this Python, but for those that would have it ignore PYTHONHASHSEED.
            command = [part for part in command if part not in ("-E", "-I")]
            self.pid = util.spawnv_passfds(spawn.get_executable(), command, [*self._fds, tracker, received, alive])
        finally:
            os.close(received)
            os.close(alive)
        with open(sending, "wb", closefd=False) as pipe:
            pipe.write(content.getbuffer())


class WorkerProcess(context.SpawnProcess):
    """A worker; without the changes made here, nobody would notice some deaths, and the run would wait for ever."""

    _looked_at = False  # since it died
    _stopped = False

    @staticmethod
    def _Popen(worker: process.BaseProcess) -> _Popen:
        return _Popen(worker)

    @property
    def exitcode(self) -> int | None:
        """Exit status. pebble thinks nothing of a worker that ends with 0, which a generator may do as well."""
        code = super().exitcode
        return EXITED if code == 0 else code

    def is_alive(self) -> bool:
        """Return False from the second look on, 0.1 seconds after the first.

        By then pebble has read which chunk it took. Otherwise one that took a chunk and died at once would be taken for
        one that had none.
        """
        if super().is_alive():
            return True
        first, self._looked_at = not self._looked_at, True
        return first and not self._stopped

    def terminate(self) -> None:
        """End it, after which it is dead at the first look."""
        self._stopped = True
        super().terminate()


class WorkerContext(context.SpawnContext):
    """Starts such processes."""

    Process = WorkerProcess
