"""Plan: which samples are in which batch, and what each file of a dataset is called."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Batch:
    """Samples `start` to `stop - 1` of one split, which are one job and one shard."""

    split: str
    number: int
    start: int
    stop: int

    @property
    def label(self) -> str:
        """The batch's number as file names have it (fixed width, so that a growing dataset renames nothing)."""
        return f"{self.number:07d}"


def plan(dataset: Mapping[str, Any]) -> Iterator[Batch]:
    """Yield the batches of a resolved dataset, split by split, in order."""
    for split in dataset["splits"]:
        for number in range(num_batches(dataset, split)):
            yield batch(dataset, split, number)


def num_batches(dataset: Mapping[str, Any], split: str) -> int:
    """Return the number of batches of a split: 0 for an empty split."""
    return -(-dataset["splits"][split] // dataset["batch_size"])


def batch(dataset: Mapping[str, Any], split: str, number: int) -> Batch:
    """Return batch `number` of a split; the last one may be smaller than `batch_size`."""
    start = number * dataset["batch_size"]
    return Batch(split, number, start, min(start + dataset["batch_size"], dataset["splits"][split]))


@dataclass(frozen=True, slots=True)
class Shard:
    """The three files that a batch is written to; a disabled format's file is empty."""

    text: Path
    json: Path
    sidecar: Path

    @classmethod
    def of(cls, save_dir: str | Path, batch: Batch) -> Shard:
        """Return the files of a batch in `<save_dir>/shards/<split>/`."""
        stem = shard_dir(save_dir, batch.split) / batch.label
        return cls(*(stem.with_suffix(suffix) for suffix in SHARD_SUFFIXES))


SHARD_SUFFIXES = (".txt", ".jsonl", ".sidecar")


def shard_dir(save_dir: str | Path, split: str) -> Path:
    """Return the folder of a split's shards."""
    return Path(save_dir) / "shards" / split


def data_files(dataset: Mapping[str, Any], split: str) -> dict[str, Path]:
    """Return the split's final files by format ("text", "json"), only those that are switched on."""
    folder = Path(dataset["save_dir"])
    files = {"text": folder / f"{split}_raw.txt", "json": folder / f"{split}_data.jsonl"}
    return {kind: path for kind, path in files.items() if dataset[f"save_{kind}"]}
