"""Worker processes as joblib starts them (loky), whose every death the pool (pebble) sees."""

from __future__ import annotations

from joblib.externals.loky.backend.context import LokyContext
from joblib.externals.loky.backend.process import LokyProcess

EXITED = 256
"""Stands for exit status 0, which no exit status is."""


class WorkerProcess(LokyProcess):
    """A worker; without the changes made here, nobody would notice some deaths, and the run would wait for ever."""

    _looked_at = False  # since it died
    _stopped = False

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


class WorkerContext(LokyContext):
    """Starts fresh interpreters, neither forks nor second runs of the user's main module."""

    Process = WorkerProcess
