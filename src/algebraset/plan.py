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
        """The batch's number as its folder has it (fixed width, so that a growing dataset renames nothing)."""
        return f"{self.number:07d}"


def plan(dataset: Mapping[str, Any]) -> Iterator[Batch]:
    """Yield the batches of a resolved dataset, split by split, in order."""
    for split in dataset["splits"]:
        yield from plan_split(dataset, split)


def plan_split(dataset: Mapping[str, Any], split: str) -> Iterator[Batch]:
    """Yield the batches of one split, in order."""
    for number in range(num_batches(dataset, split)):
        yield batch(dataset, split, number)


def num_batches(dataset: Mapping[str, Any], split: str) -> int:
    """Return the number of batches of a split: 0 for an empty split."""
    return -(-dataset["splits"][split] // shard_size(dataset))


def batch(dataset: Mapping[str, Any], split: str, number: int) -> Batch:
    """Return batch `number` of a split; the last one may be smaller."""
    start = number * shard_size(dataset)
    return Batch(split, number, start, min(start + shard_size(dataset), dataset["splits"][split]))


def shard_size(dataset: Mapping[str, Any]) -> int:
    """Return the samples of a shard: those of a job, which is one batch or, with `batches_per_job`, several."""
    return dataset["batch_size"] * dataset["batches_per_job"]


def parts(whole: Batch, batch_size: int) -> list[Batch]:
    """Return a job's batches of `batch_size` samples: what a job that is stopped halfway continues from."""
    starts = range(whole.start, whole.stop, batch_size)
    return [
        Batch(whole.split, number, start, min(start + batch_size, whole.stop)) for number, start in enumerate(starts)
    ]


def generation_order(dataset: Mapping[str, Any]) -> list[tuple[str, tuple[str, ...]]]:
    """Return the splits in the order in which they can be made, each with the splits whose problems it must not have.

    With `leakage: reject` that is the held-out splits first (all but the largest, smallest first, unless `held_out`
    lists them), each of which must not repeat those before it. Otherwise no split depends on another.
    """
    splits = dataset["splits"]
    if dataset["leakage"] != "reject":
        return [(split, ()) for split in splits]
    by_size = sorted(splits, key=lambda split: splits[split])
    held_out = by_size[:-1] if dataset["held_out"] is None else list(dataset["held_out"])
    order = held_out + [split for split in by_size if split not in held_out]
    return [(split, tuple(held_out[: order.index(split)])) for split in order]


@dataclass(frozen=True, slots=True)
class Shard:
    """The folder of three files that a batch is written to; a disabled format's file is empty."""

    folder: Path

    @classmethod
    def of(cls, save_dir: str | Path, batch: Batch) -> Shard:
        """Return the shard of a batch in `<save_dir>/shards/<split>/`."""
        return cls(shard_dir(save_dir, batch.split) / batch.label)

    @property
    def text(self) -> Path:
        """The samples' lines of text."""
        return self.folder / "raw.txt"

    @property
    def json(self) -> Path:
        """The samples' lines of JSON."""
        return self.folder / "data.jsonl"

    @property
    def sidecar(self) -> Path:
        """What is known of the samples."""
        return self.folder / "sidecar"


def digests_file(save_dir: str | Path, split: str) -> Path:
    """Return the file with the digests of a held-out split's problems, which later splits must not have."""
    return Path(save_dir) / "shards" / f"{split}.digests"


def checksums_file(save_dir: str | Path, split: str) -> Path:
    """Return the temporary file with the checksums of a split's final files, from the job that writes these."""
    return Path(save_dir) / "shards" / f"{split}.checksums"


def totals_file(save_dir: str | Path) -> Path:
    """Return the file with what the manifest needs to know of all shards together."""
    return Path(save_dir) / "shards" / "totals.json"


def shard_dir(save_dir: str | Path, split: str) -> Path:
    """Return the folder of a split's shards."""
    return Path(save_dir) / "shards" / split


def data_files(dataset: Mapping[str, Any], split: str) -> dict[str, Path]:
    """Return the split's final files by format ("text", "json"), only those that are switched on."""
    folder = Path(dataset["save_dir"])
    files = {"text": folder / f"{split}_raw.txt", "json": folder / f"{split}_data.jsonl"}
    return {kind: path for kind, path in files.items() if dataset[f"save_{kind}"]}
