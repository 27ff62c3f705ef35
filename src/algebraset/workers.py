"""Workers: hand out runs of consecutive samples to processes and write the shards in order.

What crosses a process boundary is one chunk: two indices out, finished bytes and statistics back. A worker that dies
takes only its chunk with it (pebble replaces it). Workers are fresh interpreters, neither forks nor second runs
of the user's main module, so loaded libraries and threads cannot deadlock them.
"""

from __future__ import annotations

import gc
import math
import os
import pickle
import signal
import sys
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import time
from typing import Any

from algebraset.errors import AlgebrasetError
from algebraset.generate import Limits, Recipe, Samples, make_samples
from algebraset.plan import Batch, Shard
from algebraset.shards import ShardWriter, held_out_checksums, load_digests
from algebraset.watchdog import Watchdog, timed_out_attempt

CHUNK_SECONDS = 0.2
"""A chunk is sized to take so long: short beside a batch, long beside what handing it over costs (about 1 ms)."""

MAX_CHUNK = 5000
"""Most samples in a chunk; with WINDOW it bounds the memory that finished chunks take."""

WINDOW = 16
"""Chunks per worker that may be under way or wait for an earlier one, so that a slow sample stops nobody."""

RECYCLED = 86
"""Exit code of a worker that has made enough samples (`recycle_after`); anything else is a death."""


class WorkerDied(AlgebrasetError):
    """A worker process ended by itself or was killed; the text names its samples."""


@dataclass(frozen=True, slots=True)
class Task:
    """A batch to generate, the shard to write it to, and the digests of problems it must not have."""

    batch: Batch
    shard: Shard
    held_out: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Settings:
    """How samples are worked on; only the timeout decides anything about them.

    Args:
        n_jobs: worker processes, as joblib counts them (-1: all cores).
        sample_timeout: seconds for one attempt at a sample, None for no limit.
        recycle_after: samples after which a worker is replaced, None for never.
    """

    n_jobs: int = 1
    sample_timeout: float | None = None
    recycle_after: int | None = None

    @classmethod
    def of(cls, dataset: Mapping[str, Any], n_jobs: int) -> Settings:
        """Return the settings of a resolved dataset. A ledger stands in place of the clock."""
        timeout = dataset["sample_timeout"] if dataset["ledger"] is None else None
        return cls(n_jobs, timeout, dataset["recycle_after"])

    @property
    def in_process(self) -> bool:
        """Whether samples are made in the calling process, so that a debugger works."""
        return effective_n_jobs(self.n_jobs) == 1 and self.sample_timeout is None and self.recycle_after is None


@dataclass(frozen=True, slots=True)
class Chunk:
    """A run of consecutive samples of one batch."""

    task: Task
    start: int
    stop: int
    timeouts: frozenset[tuple[int, int]] = frozenset()  # index and attempt: found to take too long

    @property
    def probe(self) -> bool:
        """Whether its first sample is made twice: that of every batch is."""
        return self.start == self.task.batch.start

    def without(self, timeout: tuple[int, int]) -> list[Chunk]:
        """Return the chunk again in two pieces: what comes before the sample that took too long, and the rest."""
        before = [replace(self, stop=timeout[0])] if timeout[0] > self.start else []
        return [*before, replace(self, start=timeout[0], timeouts=self.timeouts | {timeout})]


def write_shards(
    tasks: Iterable[Task],
    recipe: Recipe,
    make_recipe: Callable[[], Recipe],
    settings: Settings,
    progress: Callable[[Batch, int], None] = lambda batch, count: None,
) -> None:
    """Generate batches and write each one's shard as soon as it is whole.

    Args:
        tasks: the batches, in order.
        recipe: what makes the samples; used in this process when no workers are needed.
        make_recipe: makes the recipe in a worker; it is pickled once per worker, by value (cloudpickle).
        settings: how many workers, and what ends them.
        progress: called with the batch and the number of samples added to it.

    Raises:
        SampleError: a sample could not be made; shards finished before stay.
        ShardError: a file cannot be written.
        WorkerDied: a worker ended by itself or was killed.
    """
    pace = Pace(min(MAX_CHUNK, settings.recycle_after or MAX_CHUNK))
    started = time()
    with finished_chunks(_chunks(tasks, pace), recipe, make_recipe, settings) as finished:
        for chunk, samples in finished:
            task = chunk.task
            with ShardWriter(task.shard, task.batch, recipe, held_out_checksums(task.held_out), started) as writer:
                while True:
                    pace.record(samples)
                    writer.add(samples)
                    progress(task.batch, samples.count)
                    if chunk.stop == task.batch.stop:
                        break
                    chunk, samples = next(finished)  # chunks come in the order of their batches
                writer.finish(finished=time())
            started = time()


def _chunks(tasks: Iterable[Task], pace: Pace) -> Iterator[Chunk]:
    for task in tasks:
        start = task.batch.start
        while start < task.batch.stop:
            stop = min(start + pace.chunk_size(), task.batch.stop)
            yield Chunk(task, start, stop)
            start = stop


class Pace:
    """Sizes chunks by how long the samples before took; it never changes a byte."""

    def __init__(self, largest: int) -> None:
        self._seconds, self._count, self._limit, self._largest = 0.0, 0, 1, largest

    def record(self, samples: Samples) -> None:
        """Take note of finished samples."""
        # Recent chunks count most, since the cost of samples drifts.
        self._seconds = self._seconds / 2 + samples.generation_time.total
        self._count = self._count / 2 + samples.count
        self._limit = min(self._largest, max(self._limit, 8 * samples.count))

    def chunk_size(self) -> int:
        """Return the size of the next chunk: 1 at first, then growing at most eightfold at a time."""
        if self._count == 0:
            return 1
        # Conversion and statistics add to a sample's time, which matters for the cheapest generators only.
        seconds = self._seconds / self._count + 20e-6
        return max(1, min(self._limit, int(CHUNK_SECONDS / seconds)))


@contextmanager
def finished_chunks(
    chunks: Iterator[Chunk], recipe: Recipe, make_recipe: Callable[[], Recipe], settings: Settings
) -> Iterator[Iterator[tuple[Chunk, Samples]]]:
    """Give an iterator of chunks with their samples, in order; on the way out no worker is left.

    Chunks are made when they are needed. The arguments are those of `write_shards`.
    """
    if settings.in_process:
        yield ((chunk, _make(recipe, chunk, None)) for chunk in chunks)
        return
    import cloudpickle
    from pebble import ProcessPool

    from algebraset.processes import WorkerContext

    workers = effective_n_jobs(settings.n_jobs)
    # Workers start in the user's working directory, whose files must not stand in for modules of the same name.
    with _environment(PYTHONHASHSEED="0", PYTHONSAFEPATH="1"), TemporaryDirectory(prefix="algebraset-") as notes:
        pool = ProcessPool(
            max_workers=workers,
            context=WorkerContext(),
            initializer=_start_worker,
            initargs=(cloudpickle.dumps(make_recipe), os.getpid(), settings, Path(notes)),
        )
        try:
            yield _in_order(pool, chunks, WINDOW * workers, settings, Path(notes))
            pool.close()
        finally:
            pool.stop()
            pool.join()


@contextmanager
def in_other_process(function: Callable[..., Any], *arguments: Any) -> Iterator[Callable[[], Any]]:
    """Call a function in another process; give what waits for its result. On the way out that process has ended.

    Raises:
        WorkerDied: when waiting, if it was killed; what the function raises is raised then, too.
    """
    from algebraset.processes import WorkerContext

    context = WorkerContext()
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_send_result, args=(sending, os.getpid(), function, arguments), daemon=True)

    def result() -> Any:
        try:
            value, error = receiving.recv()
        except (EOFError, OSError):  # it died, perhaps within a message
            process.join()
            how = _how_it_ended(process.exitcode)
            raise WorkerDied(f"the process of {function.__name__} died ({how}); what was finished is kept") from None
        if error is not None:
            raise error
        return value

    with receiving:
        try:
            try:
                with sending, _environment(PYTHONSAFEPATH="1"):
                    process.start()
            except OSError as error:
                raise _no_workers(error) from error
            yield result
        finally:
            if process.pid is not None:
                process.terminate()
                process.join()


def _send_result(sending: Any, parent: int, function: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    _obey(parent)
    try:
        sending.send((function(*arguments), None))
    except Exception as error:
        if not isinstance(error, AlgebrasetError):
            error.add_note(traceback.format_exc())  # where it was raised, which does not cross by itself
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # not every exception can cross to another process
            sending.send((None, AlgebrasetError("".join(traceback.format_exception(error)))))
        else:
            sending.send((None, error))


def _in_order(
    pool: Any, chunks: Iterator[Chunk], window: int, settings: Settings, notes: Path
) -> Iterator[tuple[Chunk, Samples]]:
    from concurrent.futures.process import BrokenProcessPool

    from pebble import ProcessExpired

    pending: deque[tuple[Chunk, Any]] = deque()
    while True:
        for chunk in islice(chunks, window - len(pending)):
            pending.append((chunk, _schedule(pool, chunk)))
        if not pending:
            return
        chunk, future = pending.popleft()
        try:
            samples = future.result()
        except ProcessExpired as death:
            if death.exitcode == RECYCLED and settings.recycle_after is not None:
                pending.appendleft((chunk, _schedule(pool, chunk)))
                continue
            timeout = timed_out_attempt(notes, death.pid)
            if timeout is None:
                raise WorkerDied(_explain_death(chunk, death.exitcode)) from None
            pieces = [(piece, _schedule(pool, piece)) for piece in chunk.without(timeout)]
            pending.extendleft(reversed(pieces))
            continue
        except BrokenProcessPool as error:
            raise _no_workers(error) from error
        yield chunk, samples


def _schedule(pool: Any, chunk: Chunk) -> Any:
    try:
        return pool.schedule(_work, args=(chunk,))
    except RuntimeError as error:  # the first call starts the workers; without any, pebble takes no more
        raise _no_workers(error) from error


def _no_workers(error: Exception) -> WorkerDied:
    why = f" ({error.__cause__})" if error.__cause__ is not None else ""
    return WorkerDied(f"no worker process started, or it died before it took samples{why}; what was finished is kept")


def _make(recipe: Recipe, chunk: Chunk, watchdog: Watchdog | None) -> Samples:
    limits = Limits(chunk.timeouts, load_digests(chunk.task.held_out), watchdog)
    return make_samples(recipe, chunk.task.batch.split, chunk.start, chunk.stop, chunk.probe, limits)


def effective_n_jobs(n_jobs: int) -> int:
    """Return how many processes `n_jobs` means: itself, or for negative values as joblib says (-1: all cores)."""
    if n_jobs > 0:
        return n_jobs
    from joblib import effective_n_jobs as joblib_effective_n_jobs

    return joblib_effective_n_jobs(n_jobs)


_recipe: Recipe | None = None  # a worker's, set once when it starts
_watchdog: Watchdog | None = None


_samples_left: float = math.inf  # until it is replaced


def _start_worker(make_recipe: bytes, parent: int, settings: Settings, notes: Path) -> None:
    global _recipe, _watchdog, _samples_left

    _obey(parent)
    with loading():
        _recipe = pickle.loads(make_recipe)()
    _obey(parent)  # SageMath, once loaded, has a handler of its own for Ctrl-C
    if settings.sample_timeout is not None:
        _watchdog = Watchdog(settings.sample_timeout, notes)
    if settings.recycle_after is not None:
        _samples_left = settings.recycle_after


def _obey(parent: int) -> None:
    """Leave it to the parent when to end: Ctrl-C reaches the whole process group, and it stops its workers itself."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # SIGTERM must not wait for Python code to be reached: C code may run long.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


@contextmanager
def loading() -> Iterator[None]:
    """Import without looking for garbage, of which there is hardly any, and leave out of later looks what stays anyway.

    With SymPy that saves a tenth of the import, and some of the time of each sample.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however long the sample is that it works on (Linux)."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _work(chunk: Chunk) -> Samples:
    global _samples_left
    assert _recipe is not None  # the initializer ran
    if _samples_left < chunk.stop - chunk.start:
        os._exit(RECYCLED)  # the chunk goes to a fresh worker
    _samples_left -= chunk.stop - chunk.start
    return _make(_recipe, chunk, _watchdog)


def _explain_death(chunk: Chunk, exitcode: int | None) -> str:
    return (
        f"a worker process died ({_how_it_ended(exitcode)}) at samples {chunk.start} to {chunk.stop - 1} of split "
        f"{chunk.task.batch.split!r} (batch {chunk.task.batch.number}); what was finished before is kept"
    )


def _how_it_ended(exitcode: int | None) -> str:
    from algebraset.processes import EXITED

    if exitcode is None or exitcode >= 0:
        return f"exit code {0 if exitcode == EXITED else exitcode}"
    name = signal.Signals(-exitcode).name
    return f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name


@contextmanager
def _environment(**variables: str) -> Iterator[None]:
    """Set environment variables for the processes started inside; workers can be replaced at any time."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
