"""Duplicates: how many problems occur twice in a split, and how many are shared between splits.

Problems are compared by 128-bit digests. These are counted in parts of `PART_SIZE` digests at most, so memory does not
grow with the dataset (beyond 260 million samples it does, slowly: 10^9 take some 10 MB). More digests than one part
holds are first scattered to temporary files by bits of their first byte, and where these hold more than a part by bits
of their second (16 bytes a sample of disk). Equal digests stay together: where a great part of all samples is the same
problem, so is their part.
"""

from __future__ import annotations

import tempfile
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from io import BytesIO
from itertools import combinations
from pathlib import Path
from struct import iter_unpack
from typing import Any

from algebraset.formats import naming
from algebraset.generate import DIGEST_SIZE

PART_SIZE = 16_000
"""Digests counted at a time. So many fit into a processor's cache, where each takes half the time."""

BUFFER = 1 << 13
"""Bytes that each open file buffers; by default it would be a block of the file system, which may be megabytes."""

PIECE = 1 << 20
"""Bytes of digests to scatter at a time, so that each file gets many of them at once."""

FILES = 128
"""Most files to scatter a split to, open at the same time; some systems allow a process 256."""

LEVELS = 2
"""How often digests are scattered at most: up to PART_SIZE * FILES**LEVELS samples parts do not grow."""


def count_duplicates(
    digests: Mapping[str, Iterable[bytes]], num_samples: Mapping[str, int], scratch: Path
) -> dict[str, dict[str, Any]]:
    """Count duplicate and leaked problems of every split.

    Args:
        digests: per split, pieces (a megabyte, say) of its samples' digests, 16 bytes a sample.
        num_samples: per split, how many samples there are; decides how many parts there are.
        scratch: an existing or new folder for temporary files.

    Returns:
        Per split `duplicate_problems`, the samples whose problem an earlier sample of the split has, and
        `leaked_problems`, by each other split the samples whose problem is in that split too.
    """
    found = {
        split: {"duplicate_problems": 0, "leaked_problems": {other: 0 for other in digests if other != split}}
        for split in digests
    }
    if sum(num_samples.values()) <= PART_SIZE:
        _count({split: b"".join(pieces) for split, pieces in digests.items()}, found)
        return found
    scratch.mkdir(parents=True, exist_ok=True)
    with naming(scratch), tempfile.TemporaryDirectory(dir=scratch, prefix=".digests-") as folder:
        _count_scattered(digests, sum(num_samples.values()), Path(folder), found, 0)
    return found


def estimate_distinct(digests: Sequence[bytes]) -> tuple[int, int]:
    """Estimate how many different problems a generator makes, from a sample of them.

    The estimator is Chao's lower bound in its bias-corrected form, d + f1 (f1 - 1) / (2 (f2 + 1)), where d problems are
    different, f1 of them occur once and f2 twice in the sample (A. Chao, "Nonparametric estimation of the number of
    classes in a population", Scandinavian Journal of Statistics 11, 1984, 265-270). It is close where all problems are
    about as likely, and too low where some are much likelier than others.

    Returns:
        The estimate, and how many were different.
    """
    times = Counter(Counter(digests).values())
    distinct = times.total()
    once, twice = times[1], times[2]
    return distinct + once * (once - 1) // (2 * (twice + 1)), distinct


def _count(digests: Mapping[str, bytes], found: dict[str, dict[str, Any]]) -> None:
    """Add the duplicate and leaked problems among some digests to `found`.

    Equal digests have equal first halves. As integers these need a fifth of the time, and hardly any problem is left to
    be looked at whole.
    """
    halves = {split: array("Q", content)[::2] for split, content in digests.items()}
    different = {split: set(values) for split, values in halves.items()}
    repeated: set[int] = set()
    for split, values in halves.items():
        if len(different[split]) < len(values):
            once = different[split].copy()
            for half in values:
                if half in once:
                    once.remove(half)
                else:
                    repeated.add(half)
            del once
    for one, other in combinations(different.values(), 2):
        repeated |= one & other
    if repeated:
        del different
        _count_whole({split: _with_halves(digests[split], halves[split], repeated) for split in digests}, found)


def _with_halves(content: bytes, halves: Sequence[int], wanted: Set[int]) -> list[bytes]:
    return [content[DIGEST_SIZE * i : DIGEST_SIZE * (i + 1)] for i, half in enumerate(halves) if half in wanted]


def _count_whole(samples: Mapping[str, list[bytes]], found: dict[str, dict[str, Any]]) -> None:
    different = {split: set(values) for split, values in samples.items()}
    for split, values in samples.items():
        found[split]["duplicate_problems"] += len(values) - len(different[split])
        for other in found[split]["leaked_problems"]:
            if shared := different[split] & different[other]:
                found[split]["leaked_problems"][other] += sum(digest in shared for digest in values)


def _count_scattered(
    digests: Mapping[str, Iterable[bytes]], count: int, folder: Path, found: dict[str, dict[str, Any]], level: int
) -> None:
    """Scatter `count` digests to files, and count the duplicates of each file."""
    num_files = min(FILES, 1 << (2 * count // PART_SIZE).bit_length())  # a power of two, to share bits out evenly
    scattered = [_scatter(pieces, folder, f"{split}.{level}", level, num_files) for split, pieces in digests.items()]
    for paths in zip(*scattered, strict=True):
        part = dict(zip(digests, paths, strict=True))
        size = sum(path.stat().st_size for path in paths) // DIGEST_SIZE
        if size > PART_SIZE and level + 1 < LEVELS:
            _count_scattered({split: _pieces(path) for split, path in part.items()}, size, folder, found, level + 1)
        else:
            _count({split: path.read_bytes() for split, path in part.items()}, found)
        for path in paths:
            path.unlink()


def _pieces(path: Path) -> Iterator[bytes]:
    with open(path, "rb") as file:
        yield from iter(lambda: file.read(DIGEST_SIZE * 32_768), b"")


def _scatter(pieces: Iterable[bytes], folder: Path, name: str, level: int, num_files: int) -> list[Path]:
    paths = [folder / f"{name}.{number}" for number in range(num_files)]
    with ExitStack() as stack:
        files = [stack.enter_context(open(path, "wb", buffering=BUFFER)) for path in paths]
        for piece in _gathered(pieces):
            # Not lists: all digests of a piece, as objects, are more than a processor's cache holds.
            buckets = [BytesIO() for _ in range(num_files)]
            add = [buckets[byte * num_files >> 8].write for byte in range(256)]
            digests = iter_unpack(f"{DIGEST_SIZE}s", piece)
            for byte, (digest,) in zip(piece[level::DIGEST_SIZE], digests, strict=True):
                add[byte](digest)
            for file, bucket in zip(files, buckets, strict=True):
                file.write(bucket.getbuffer())
    return paths


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Join pieces to some of at least `PIECE` bytes, but for the last: those of small batches are small."""
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def each_digest(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the single digests of pieces that hold many."""
    for piece in pieces:
        for (digest,) in iter_unpack(f"{DIGEST_SIZE}s", piece):
            yield digest
