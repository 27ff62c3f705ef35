"""Shards: the files of one batch, written whole or not at all, and their sidecar.

A sidecar is one line of JSON (the shard's place in the plan, fingerprint, sizes, checksums, statistics), then the
digests of the problems, 16 bytes each, in order. It is renamed last: a shard without it does not exist.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from algebraset.errors import ShardError
from algebraset.generate import Recipe, Samples
from algebraset.plan import SHARD_SUFFIXES, Batch, Shard
from algebraset.statistics import SplitStatistics, Timing, dump_json, load_json

BLOCK = 1 << 20


class ShardWriter:
    """Takes the samples of a batch in order and writes its shard when all are there; a context manager.

    Args:
        shard: the files to write.
        batch: which samples they hold.
        recipe: what makes the samples.
        started: when the batch was begun, in seconds since the epoch.
    """

    def __init__(self, shard: Shard, batch: Batch, recipe: Recipe, started: float) -> None:
        self.shard, self.batch, self.recipe, self.started = shard, batch, recipe, started
        self.count = 0
        self._statistics, self._rejected, self._timing = SplitStatistics(), Counter[str](), Timing()
        self._sums = {"text": hashlib.sha256(), "json": hashlib.sha256()}
        self._sizes = {"text": 0, "json": 0}
        # The names do not differ from run to run, so what a killed run left is overwritten by the next.
        self._temporary = {
            "text": _temporary(shard.text),
            "json": _temporary(shard.json),
            "digests": _temporary(shard.sidecar.with_suffix(".digests")),
        }
        self._files: dict[str, IO[bytes]] = {}

    def __enter__(self) -> ShardWriter:
        self.shard.sidecar.parent.mkdir(parents=True, exist_ok=True)
        for kind, path in self._temporary.items():
            self._files[kind] = open(path, "w+b")
        return self

    def add(self, samples: Samples) -> None:
        """Append the next samples of the batch."""
        for kind, content in (("text", samples.text), ("json", samples.json)):
            self._files[kind].write(content)
            self._sums[kind].update(content)
            self._sizes[kind] += len(content)
        self._files["digests"].write(samples.digests)
        self._statistics.merge(samples.statistics)
        self._rejected.update(samples.rejected)
        self._timing.merge(samples.generation_time)
        self.count += samples.count

    def finish(self, finished: float) -> None:
        """Give the shard its names, once all samples of the batch are there.

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
                kind: {"bytes": self._sizes[kind], "sha256": self._sums[kind].hexdigest()} for kind in self._sums
            },
            "rejected": dict(sorted(self._rejected.items())),
            "statistics": self._statistics.to_state(),
            "timing": {"started": self.started, "finished": finished, "generation": self._timing.to_state()},
        }
        digests = self._files["digests"]
        digests.seek(0)
        header["digests"] = hashlib.file_digest(digests, "sha256").hexdigest()
        digests.seek(0)
        complete = _temporary(self.shard.sidecar)
        try:
            with open(complete, "wb") as file:
                file.write(dump_json(header).encode() + b"\n")
                shutil.copyfileobj(digests, file, BLOCK)
            self._close()
            for kind in ("text", "json"):
                os.replace(self._temporary[kind], shard_files(self.shard)[kind])
            os.replace(complete, self.shard.sidecar)
        finally:
            complete.unlink(missing_ok=True)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()
        for path in self._temporary.values():
            path.unlink(missing_ok=True)

    def _close(self) -> None:
        for file in self._files.values():
            file.close()


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
            header = load_json(file.readline())
            if header["stop"] >= header["start"] and header["files"]["text"]["sha256"]:
                return header
    except OSError as error:
        raise ShardError(f"{path}: {error.strerror}") from error
    except (ValueError, KeyError, TypeError):
        pass
    raise ShardError(f"{path} is damaged: it is no sidecar of a shard")


def read_digests(path: Path, header: Mapping[str, Any]) -> bytes:
    """Return the digests of a sidecar.

    Raises:
        ShardError: they are not the bytes that were written.
    """
    with open(path, "rb") as file:
        file.readline()
        digests = file.read()
    if hashlib.sha256(digests).hexdigest() != header["digests"]:
        raise ShardError(f"{path} is damaged: its digests have another checksum than when they were written")
    return digests


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


def is_finished(shard: Shard, batch: Batch, fingerprint: str) -> bool:
    """Return whether a batch's shard is there, whole and of this dataset (sizes are compared, not checksums)."""
    try:
        header = read_header(shard.sidecar)
        require_planned(header, shard.sidecar, batch, fingerprint)
        return all(shard_files(shard)[kind].stat().st_size == known["bytes"] for kind, known in header["files"].items())
    except (ShardError, OSError):
        return False


def delete_shard(shard: Shard) -> None:
    """Delete a shard's files, the sidecar first."""
    for path in (shard.sidecar, shard.text, shard.json):
        with suppress(FileNotFoundError):
            path.unlink()


def unplanned_files(folder: Path, num_batches: int) -> list[Path]:
    """Return the files in a split's shard folder that no planned batch has (temporary files do not count)."""
    if not folder.is_dir():
        return []
    labels = {f"{number:07d}" for number in range(num_batches)}
    planned = {f"{label}{suffix}" for label in labels for suffix in SHARD_SUFFIXES}
    found = (entry.name for entry in os.scandir(folder))
    return sorted(folder / name for name in found if name not in planned and not name.startswith("."))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.part")
