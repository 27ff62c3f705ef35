"""Shards: the folder of one batch, which gets its name when it is whole, with text, JSON Lines and a sidecar.

A sidecar is one line of JSON (the shard's place in the plan, fingerprint, sizes, checksums, statistics), a line with
the SHA-256 of that line, then the digests of the problems, 16 bytes each, in order.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from algebraset.errors import ConfigError, ShardError
from algebraset.formats import naming, write_atomically
from algebraset.generate import DIGEST_SIZE, Recipe, Samples
from algebraset.plan import Batch, Shard
from algebraset.statistics import SplitStatistics, Timing, dump_json, load_json

BLOCK = 1 << 20


class ShardWriter:
    """Takes the samples of a batch in order and writes its shard when all are there; a context manager.

    Args:
        shard: the folder to write.
        batch: which samples they hold.
        recipe: what makes the samples.
        held_out: digest of the problems of each held-out split that the batch must not have.
        started: when the batch was begun, in seconds since the epoch.
    """

    def __init__(self, shard: Shard, batch: Batch, recipe: Recipe, held_out: Mapping[str, str], started: float) -> None:
        self.shard, self.batch, self.recipe, self.held_out, self.started = shard, batch, recipe, held_out, started
        self._timeouts: list[tuple[int, int]] = []
        self._statistics, self._rejected, self._timing = SplitStatistics(), Counter[str](), Timing()
        self._sums = {kind: hashlib.sha256() for kind in ("text", "json", "digests")}
        self._sizes = dict.fromkeys(self._sums, 0)
        # The name does not differ from run to run, so what a killed run left is replaced by the next.
        self._unfinished = Shard(shard.folder.with_name(f".{shard.folder.name}.part"))
        self._paths = {
            "text": self._unfinished.text,
            "json": self._unfinished.json,
            "digests": self._unfinished.folder / "digests",
        }
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> ShardWriter:
        shutil.rmtree(self._unfinished.folder, ignore_errors=True)
        self._unfinished.folder.mkdir(parents=True)
        for kind, path in self._paths.items():
            self._files[kind] = open(path, "w+b")
        return self

    def add(self, samples: Samples) -> None:
        """Append the next samples of the batch.

        Raises:
            ShardError: a file cannot be written; the text names it.
        """
        for kind, content in (("text", samples.text), ("json", samples.json), ("digests", samples.digests)):
            with self._naming(kind):
                self._files[kind].write(content)
            self._sums[kind].update(content)
            self._sizes[kind] += len(content)
        self._statistics.merge(samples.statistics)
        self._rejected.update(samples.rejected)
        self._timeouts += samples.timeouts
        self._timing.merge(samples.generation_time)

    def finish(self, finished: float) -> None:
        """Give the shard its name, once all samples of the batch are there.

        Args:
            finished: when the batch was done, in seconds since the epoch.
        """
        batch = self.batch
        header = {
            "split": batch.split,
            "number": batch.number,
            "start": batch.start,
            "stop": batch.stop,
            "fingerprint": self.recipe.fingerprint,
            "sources": self.recipe.sources,
            "versions": self.recipe.versions,
            "files": {
                kind: {"bytes": self._sizes[kind], "sha256": self._sums[kind].hexdigest()} for kind in ("text", "json")
            },
            "digests": self._sums["digests"].hexdigest(),
            "held_out": dict(self.held_out),
            "timeouts": self._timeouts,
            "rejected": dict(sorted(self._rejected.items())),
            "statistics": self._statistics.to_state(),
            "timing": {"started": self.started, "finished": finished, "generation": self._timing.to_state()},
        }
        with self._naming("sidecar"):
            self._write_sidecar(header)
        self._close()
        with self._naming("shard"):
            self._paths["digests"].unlink()
            remove(self.shard.folder)  # one that was damaged or of another dataset
            os.rename(self._unfinished.folder, self.shard.folder)

    def _write_sidecar(self, header: dict[str, Any]) -> None:
        digests = self._files["digests"]
        digests.seek(0)
        with open(self._unfinished.sidecar, "wb") as file:
            line = dump_json(header).encode() + b"\n"
            file.write(line + hashlib.sha256(line).hexdigest().encode() + b"\n")
            shutil.copyfileobj(digests, file, BLOCK)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._close()
        finally:
            shutil.rmtree(self._unfinished.folder, ignore_errors=True)

    def _close(self) -> None:
        for kind, file in self._files.items():
            with self._naming(kind):
                file.close()

    @contextmanager
    def _naming(self, kind: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:  # a full disk says so only here, without the name of the file
            path = {**self._paths, "sidecar": self._unfinished.sidecar, "shard": self.shard.folder}[kind]
            raise ShardError(
                f"{path} cannot be written: {error.strerror}. Shards finished before are kept: mend it and run again"
            ) from error


def shard_files(shard: Shard) -> dict[str, Path]:
    """Return the files of a shard by kind."""
    return {"text": shard.text, "json": shard.json, "sidecar": shard.sidecar}


def read_header(path: Path) -> dict[str, Any]:
    """Read the first line of a sidecar.

    Raises:
        ShardError: the file is missing or is no sidecar.
    """
    try:
        with open(path, "rb") as file:
            line, checksum = file.readline(), file.readline().rstrip(b"\n")
            if hashlib.sha256(line).hexdigest().encode() == checksum:
                return load_json(line)
    except (FileNotFoundError, NotADirectoryError) as error:  # other failures to read say nothing about the shard
        raise ShardError(f"{path}: {error.strerror}") from error
    raise ShardError(f"{path} is damaged: it is no sidecar of a shard")


def read_digests(path: Path, header: Mapping[str, Any]) -> Iterator[bytes]:
    """Yield the digests of a sidecar, in pieces of many.

    Raises:
        ShardError: they are not the bytes that were written; raised after the last piece.
    """
    checksum = hashlib.sha256()
    try:
        file = open(path, "rb")  # noqa: SIM115
    except FileNotFoundError as error:  # another job found the shard damaged, and deleted it
        raise ShardError(f"{path}: {error.strerror}") from error
    with file, naming(path):
        file.readline()
        file.readline()
        while piece := file.read(BLOCK):  # a multiple of a digest's size
            checksum.update(piece)
            if len(piece) % DIGEST_SIZE == 0:
                yield piece  # else it is cut off, as the checksum says
    if checksum.hexdigest() != header["digests"]:
        raise ShardError(f"{path} is damaged: its digests have another checksum than when they were written")


def require_planned(header: Mapping[str, Any], path: Path, batch: Batch, fingerprint: str) -> None:
    """Check that a sidecar belongs to a batch of this dataset.

    Raises:
        ShardError: it is of another batch, or of another config, generator or generation revision.
    """
    found = (header["split"], header["number"], header["start"], header["stop"])
    if found != (batch.split, batch.number, batch.start, batch.stop):
        raise ShardError(
            f"{path} holds samples {found[2]} to {found[3] - 1} of {found[0]!r}, planned are samples {batch.start} to "
            f"{batch.stop - 1} of {batch.split!r}"
        )
    if header["fingerprint"] != fingerprint:
        raise ShardError(f"{path} was made with another config, generator source or generation revision")


def is_finished(shard: Shard, batch: Batch, fingerprint: str, held_out: Mapping[str, str]) -> bool:
    """Return whether a batch's shard is there, whole and of this dataset (sizes are compared, not checksums)."""
    try:
        header = read_header(shard.sidecar)
        require_planned(header, shard.sidecar, batch, fingerprint)
        return header["held_out"] == held_out and all(
            shard_files(shard)[kind].stat().st_size == known["bytes"] for kind, known in header["files"].items()
        )
    except (ShardError, OSError):
        return False


def write_digests(sidecars: Iterable[Path], path: Path) -> None:
    """Write the digests of a held-out split's problems, each once, sorted (so that any sharding gives the same file).

    Raises:
        ShardError: a sidecar is missing or damaged.
    """
    digests: set[bytes] = set()
    for sidecar in sidecars:
        content = b"".join(read_digests(sidecar, read_header(sidecar)))
        digests.update(content[start : start + DIGEST_SIZE] for start in range(0, len(content), DIGEST_SIZE))
    write_atomically(path, b"".join(sorted(digests)))
    load_digests.cache_clear()  # it knows files by name


@lru_cache(maxsize=1)
def load_digests(paths: tuple[Path, ...]) -> frozenset[bytes]:
    """Return the digests in files of `write_digests`."""
    content = b"".join(path.read_bytes() for path in paths)
    return frozenset(content[start : start + DIGEST_SIZE] for start in range(0, len(content), DIGEST_SIZE))


def held_out_checksums(paths: Iterable[Path]) -> dict[str, str]:
    """Return the SHA-256 of each file of digests, by the name of its split."""
    return {path.stem: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def merge_shards(pieces: Iterable[Shard], whole: ShardWriter) -> None:
    """Append the shards of a job's batches to its own shard, checking them on the way.

    Raises:
        ShardError: a piece is damaged.
    """
    for piece in pieces:
        header = read_header(piece.sidecar)
        content = {kind: shard_files(piece)[kind].read_bytes() for kind in ("text", "json")}
        for kind, known in header["files"].items():
            if hashlib.sha256(content[kind]).hexdigest() != known["sha256"]:
                delete_shard(piece)
                raise ShardError(f"{shard_files(piece)[kind]} is damaged and was deleted: run again to make it anew")
        whole.add(
            Samples(
                **content,
                digests=b"".join(read_digests(piece.sidecar, header)),
                statistics=SplitStatistics.from_state(header["statistics"]),
                rejected=Counter(header["rejected"]),
                timeouts=[(index, attempt) for index, attempt in header["timeouts"]],
                generation_time=Timing.from_state(header["timing"]["generation"]),
                count=header["stop"] - header["start"],
            )
        )


def delete_shard(shard: Shard) -> None:
    """Delete a shard, its sidecar first: without it, it does not count."""
    with suppress(FileNotFoundError, NotADirectoryError):
        shard.sidecar.unlink()
    remove(shard.folder)


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it; another job may be doing so at the same time.

    Raises:
        OSError: it cannot be removed.
    """
    with suppress(FileNotFoundError):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()


@contextmanager
def locked(save_dir: Path, shared: bool = False) -> Iterator[None]:
    """Hold the folder of a dataset for one run of the Python API, or, shared, for a job of the workflow beside others.

    The lock ends with the process, however it ends.

    Raises:
        ConfigError: another run works in the folder, or it cannot be written.
    """
    lock = save_dir / "shards" / ".lock"
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(lock, os.O_RDWR | os.O_CREAT, 0o666)  # a file, since NFS locks only what is writable
    except OSError as error:
        raise ConfigError(f"save_dir = {str(save_dir)!r} cannot be written: {error.strerror}") from error
    try:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
            if os.fstat(handle).st_nlink == 0:  # the other run ended, and removed the file, in between
                raise BlockingIOError
        except BlockingIOError:
            raise ConfigError(
                f"another run is working in {save_dir}: wait for it, or choose another save_dir"
            ) from None
        except OSError:
            if not shared:  # jobs do without where the file system has no locks
                raise
        try:
            yield
        finally:
            if not shared:
                with suppress(OSError):  # the folder stays where it has shards
                    lock.unlink()
                    lock.parent.rmdir()
    finally:
        os.close(handle)


def unplanned(folder: Path, num_batches: int) -> list[Path]:
    """Return what is in a split's shard folder and is no planned batch's shard (temporary names do not count)."""
    if not folder.is_dir():
        return []
    planned = {f"{number:07d}" for number in range(num_batches)}
    return sorted(folder / name for name in set(os.listdir(folder)) - planned if not name.startswith("."))
