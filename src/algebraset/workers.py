"""Workers: hand out runs of consecutive samples to processes and write the shards in order.

What crosses a process boundary is one chunk: two indices out, finished bytes and statistics back. A worker that dies
takes only its chunk with it (pebble replaces it). Workers are started as joblib's are (loky: a fresh interpreter,
neither fork nor a second run of the user's main module), so loaded libraries and threads cannot deadlock them.
"""

from __future__ import annotations

import os
import signal
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import time
from typing import Any

from algebraset.errors import AlgebrasetError
from algebraset.generate import Recipe, Samples, make_samples
from algebraset.plan import Batch, Shard
from algebraset.shards import ShardWriter

CHUNK_SECONDS = 0.2
"""A chunk is sized to take so long: short beside a batch, long beside what handing it over costs (about 1 ms)."""

MAX_CHUNK = 5000
"""Most samples in a chunk; with WINDOW it bounds the memory that finished chunks take."""

WINDOW = 16
"""Chunks per worker that may be under way or wait for an earlier one, so that a slow sample stops nobody."""


class WorkerDied(AlgebrasetError):
    """A worker process ended by itself or was killed; the text names its samples."""


@dataclass(slots=True)
class Chunk:
    """A run of consecutive samples of one batch."""

    batch: Batch
    start: int
    stop: int

    @property
    def probe(self) -> bool:
        return self.start == self.batch.start


def write_shards(
    jobs: Iterable[tuple[Batch, Shard]],
    recipe: Recipe,
    make_recipe: Callable[[], Recipe],
    n_jobs: int,
    progress: Callable[[Batch, int], None] = lambda batch, count: None,
) -> None:
    """Generate batches and write each one's shard as soon as it is whole.

    Args:
        jobs: the batches and the files to write them to.
        recipe: what makes the samples; used in this process when `n_jobs` is 1.
        make_recipe: makes the recipe in a worker; it is pickled once per worker, by value (cloudpickle).
        n_jobs: worker processes as joblib counts them (-1: all cores); 1 means this process, so a debugger works.
        progress: called with the batch and the number of samples added to it.

    Raises:
        SampleError: a sample could not be made; shards finished before stay.
        WorkerDied: a worker ended by itself or was killed.
    """
    pace = Pace()
    workers = effective_n_jobs(n_jobs)
    shards: dict[Batch, Shard] = {}

    def chunks() -> Iterator[Chunk]:
        for batch, shard in jobs:
            shards[batch] = shard
            start = batch.start
            while start < batch.stop:
                stop = min(start + pace.chunk_size(), batch.stop)
                yield Chunk(batch, start, stop)
                start = stop

    with ExitStack() as stack:
        if workers == 1:
            results = ((c, make_samples(recipe, c.batch.split, c.start, c.stop, c.probe)) for c in chunks())
        else:
            results = stack.enter_context(worker_pool(chunks(), make_recipe, workers))
        writer: ShardWriter | None = None
        started = time()
        for chunk, samples in results:
            pace.record(samples)
            if writer is None:
                writer = stack.enter_context(ShardWriter(shards.pop(chunk.batch), chunk.batch, recipe, started))
            writer.add(samples)
            progress(chunk.batch, samples.count)
            if chunk.stop == chunk.batch.stop:
                writer.finish(finished=time())
                writer = None
                started = time()


class Pace:
    """Sizes chunks by how long the samples before took; it never changes a byte."""

    def __init__(self) -> None:
        self._seconds, self._count, self._limit = 0.0, 0, 1

    def record(self, samples: Samples) -> None:
        """Take note of finished samples."""
        # Recent chunks count most, since the cost of samples drifts.
        self._seconds = self._seconds / 2 + samples.generation_time.total
        self._count = self._count / 2 + samples.count
        self._limit = min(MAX_CHUNK, max(self._limit, 8 * samples.count))

    def chunk_size(self) -> int:
        """Return the size of the next chunk: 1 at first, then growing at most eightfold at a time."""
        if self._count == 0:
            return 1
        # Conversion and statistics add to a sample's time, which matters for the cheapest generators only.
        seconds = self._seconds / self._count + 20e-6
        return max(1, min(self._limit, int(CHUNK_SECONDS / seconds)))


@contextmanager
def worker_pool(
    chunks: Iterator[Chunk], make_recipe: Callable[[], Recipe], workers: int
) -> Iterator[Iterator[tuple[Chunk, Samples]]]:
    """Start workers and give an iterator of finished chunks, in order; on the way out no worker is left."""
    import cloudpickle
    from joblib.externals.loky.backend.context import get_context
    from pebble import ProcessPool

    with _environment(PYTHONHASHSEED="0"):
        pool = ProcessPool(
            max_workers=workers,
            context=get_context("loky"),
            initializer=_start_worker,
            initargs=(cloudpickle.dumps(make_recipe), os.getpid()),
        )
        try:
            yield _in_order(pool, chunks, workers)
            pool.close()
        finally:
            pool.stop()
            pool.join()


def _in_order(pool: Any, chunks: Iterator[Chunk], workers: int) -> Iterator[tuple[Chunk, Samples]]:
    from pebble import ProcessExpired

    pending: deque[tuple[Chunk, Any]] = deque()
    while True:
        # Few chunks are handed out ahead until the pace is known, many later.
        while len(pending) < WINDOW * workers:
            chunk = next(chunks, None)
            if chunk is None:
                break
            pending.append(
                (chunk, pool.schedule(_work, args=(chunk.batch.split, chunk.start, chunk.stop, chunk.probe)))
            )
        if not pending:
            return
        chunk, future = pending.popleft()
        try:
            yield chunk, future.result()
        except ProcessExpired as death:
            raise WorkerDied(_explain_death(chunk, death.exitcode)) from None


def effective_n_jobs(n_jobs: int) -> int:
    """Return how many processes `n_jobs` means: itself, or for negative values as joblib says (-1: all cores)."""
    if n_jobs > 0:
        return n_jobs
    from joblib import effective_n_jobs as joblib_effective_n_jobs

    return joblib_effective_n_jobs(n_jobs)


_recipe: Recipe | None = None  # a worker's, set once when it starts


def _start_worker(make_recipe: bytes, parent: int) -> None:
    global _recipe
    import pickle

    _end_with(parent)
    _recipe = pickle.loads(make_recipe)()
    # Ctrl-C reaches the whole process group; the parent decides and stops its workers itself. SageMath, once loaded,
    # has a handler of its own for it. SIGTERM must not wait for Python code to be reached: C code may run long.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _end_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however long the sample is that it works on (Linux)."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1  # PR_SET_PDEATHSIG of prctl(2)
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died in between
        os._exit(1)


def _work(split: str, start: int, stop: int, probe: bool) -> Samples:
    assert _recipe is not None
    return make_samples(_recipe, split, start, stop, probe)


def _explain_death(chunk: Chunk, exitcode: int | None) -> str:
    how = f"exit code {exitcode}"
    if exitcode is not None and exitcode < 0:
        name = signal.Signals(-exitcode).name
        how = f"{name}, perhaps because memory ran out" if name == "SIGKILL" else name
    return (
        f"a worker process died ({how}) at samples {chunk.start} to {chunk.stop - 1} of split {chunk.batch.split!r} "
        f"(batch {chunk.batch.number}); what was finished before is kept"
    )


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
