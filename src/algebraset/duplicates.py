"""Duplicates: how many problems occur twice in a split, and how many are shared between splits.

Problems are compared by 128-bit digests. These are counted in parts of `PART_SIZE` digests at most, so memory does not
grow with the dataset (but for where the parts of a file begin: 10^9 samples take some 20 MB). More digests than one
part holds are first scattered to parts of a temporary file, one a split, by their first byte, and where such a part is
still too large it is scattered again by the second (16 bytes a sample of disk). Equal digests stay together: where a
great part of all samples is the same problem, so is their part.
"""

from __future__ import annotations

import errno
import os
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from contextlib import ExitStack
from io import BytesIO
from itertools import accumulate, combinations, compress
from pathlib import Path
from struct import iter_unpack
from tempfile import TemporaryFile
from typing import IO, Any

from algebraset.formats import naming
from algebraset.generate import DIGEST_SIZE

PART_SIZE = 65_536
"""Digests in memory at a time."""

CACHED = 16_384
"""Digests compared at a time. So many fit into a processor's cache, where each takes half the time."""

SLICES = 8
"""Most slices of a part to compare one after the other: each looks at the keys of the whole part."""

PIECE = 1 << 20
"""Bytes of digests to scatter at a time, so that each part gets many of them at once."""

LEVELS = 2
"""How often digests are scattered at most: up to PART_SIZE * 256**LEVELS samples parts do not grow."""


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
    with naming(scratch):
        _count_scattered(digests, sum(num_samples.values()), scratch, found, 0)
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
    repeated: set[int] = set()
    # By a byte that no digests were scattered by.
    keys = {split: content[LEVELS::DIGEST_SIZE] for split, content in digests.items()}
    slices = min(SLICES, -(-sum(map(len, keys.values())) // CACHED))
    for number in range(slices):
        chosen = bytes(byte * slices >> 8 == number for byte in range(256))
        selected = {split: list(compress(halves[split], keys[split].translate(chosen))) for split in digests}
        repeated |= _repeated(selected)
    if repeated:
        _count_whole({split: _with_halves(digests[split], halves[split], repeated) for split in digests}, found)


def _repeated(values: Mapping[str, Sequence[int]]) -> set[int]:
    """Return what occurs more than once, in one split or in two."""
    different = {split: set(sequence) for split, sequence in values.items()}
    repeated: set[int] = set()
    for split, sequence in values.items():
        if len(different[split]) < len(sequence):
            once = different[split].copy()
            for value in sequence:
                if value in once:
                    once.remove(value)
                else:
                    repeated.add(value)
    for one, other in combinations(different.values(), 2):
        repeated |= one & other
    return repeated


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
    digests: Mapping[str, Iterable[bytes]], count: int, scratch: Path, found: dict[str, dict[str, Any]], level: int
) -> None:
    """Scatter `count` digests to parts, and count the duplicates of each part."""
    num_parts = min(256, 1 << (count // CACHED).bit_length())  # a power of two, to share bytes out evenly
    with ExitStack() as stack:
        scattered = {
            split: _Scattered(pieces, stack.enter_context(TemporaryFile(dir=scratch)), level, num_parts)
            for split, pieces in digests.items()
        }
        for number in range(num_parts):
            size = sum(parts.size(number) for parts in scattered.values()) // DIGEST_SIZE
            part = {split: parts.pieces(number) for split, parts in scattered.items()}
            if size > PART_SIZE and level + 1 < LEVELS:
                _count_scattered(part, size, scratch, found, level + 1)
            else:
                _count({split: b"".join(pieces) for split, pieces in part.items()}, found)


class _Scattered:
    """Digests in a file, in parts by one of their bytes.

    Args:
        pieces: the digests.
        file: an empty file to write and read.
        level: the byte to go by.
        num_parts: how many parts, a power of two up to 256.
    """

    def __init__(self, pieces: Iterable[bytes], file: IO[bytes], level: int, num_parts: int) -> None:
        self._file = file
        self._pieces: list[tuple[int, array[int]]] = []  # each one's place in the file, and where its parts begin there
        place = 0
        for piece in _gathered(pieces):
            # Not lists: all digests of a piece, as objects, are more than a processor's cache holds.
            parts = [BytesIO() for _ in range(num_parts)]
            add = [parts[byte * num_parts >> 8].write for byte in range(256)]
            digests = iter_unpack(f"{DIGEST_SIZE}s", piece)
            for byte, (digest,) in zip(piece[level::DIGEST_SIZE], digests, strict=True):
                add[byte](digest)
            file.write(b"".join([part.getbuffer() for part in parts]))
            self._pieces.append((place, array("I", accumulate([part.tell() for part in parts], initial=0))))
            place += len(piece)
        file.flush()

    def size(self, number: int) -> int:
        """Return the bytes of a part."""
        return sum(starts[number + 1] - starts[number] for _, starts in self._pieces)

    def pieces(self, number: int) -> Iterator[bytes]:
        """Yield what each piece has of a part."""
        for place, starts in self._pieces:
            size = starts[number + 1] - starts[number]
            piece = os.pread(self._file.fileno(), size, place + starts[number])
            if len(piece) != size:
                raise OSError(errno.EIO, "a temporary file of digests was read only in part")
            yield piece


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
