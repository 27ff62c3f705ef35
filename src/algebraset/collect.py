"""Collect: check the shards, concatenate them, merge their statistics and write the manifest."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import subprocess
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import cycle
from pathlib import Path
from typing import Any

from algebraset.config import as_config
from algebraset.duplicates import count_duplicates, each_digest
from algebraset.errors import ConfigError, ShardError
from algebraset.formats import naming, read_samples, write_atomically
from algebraset.generate import Recipe
from algebraset.plan import Shard, batch, data_files, generation_order, num_batches, shard_dir, totals_file
from algebraset.shards import (
    BLOCK,
    delete_shard,
    read_digests,
    read_header,
    remove,
    require_planned,
    shard_files,
    unplanned,
)
from algebraset.statistics import SplitStatistics, Timing, dump_json, load_json
from algebraset.version import __version__

HANDED_OVER = 1 << 18
"""Bytes of a shard's file from which on another thread hashes it: below, handing over takes longer than hashing."""


def write_recipe(dataset: Mapping[str, Any], recipe: Recipe, path: Path) -> None:
    """Write `recipe.json`: the resolved config (the file works as one) and the fingerprint that shards must have."""
    content = {"config": as_config(dataset), "fingerprint": recipe.fingerprint, "sources": recipe.sources}
    write_atomically(path, dump_json(content, indent=2) + "\n")


def concatenate(dataset: Mapping[str, Any], fingerprint: str, split: str) -> None:
    """Write a split's final files from its shards, which are checked on the way; memory does not grow with the split.

    Args:
        dataset: the resolved dataset.
        fingerprint: what the shards must have been made with.
        split: name of the split.

    Raises:
        ShardError: a shard is missing, damaged, not planned or of another dataset. Damaged shards and those of other
            datasets are deleted, so that the next run makes them anew; the final files stay as they were.
    """
    targets = data_files(dataset, split)
    temporary = {kind: path.with_name(f".{path.name}.{os.getpid()}.tmp") for kind, path in targets.items()}
    problems: list[str] = []
    buffers = [_buffer(), _buffer()]  # one is hashed while the next is read to the other
    try:
        with ThreadPoolExecutor(1) as hashing, ExitStack() as stack:
            outputs = {}
            for kind, target in targets.items():
                stack.enter_context(naming(target))  # when it is closed
                outputs[kind] = stack.enter_context(open(temporary[kind], "wb"))
            for shard, header in _headers(dataset, fingerprint, split, problems):
                for kind, output in outputs.items():
                    path = shard_files(shard)[kind]
                    with naming(targets[kind]):
                        whole = _copy(path, output, header["files"][kind], buffers, hashing)
                    if not whole:
                        problems.append(f"{path} is damaged: its checksum is not that of its samples")
                        delete_shard(shard)
                        break
        _raise(problems, split)
        for kind, target in targets.items():
            os.replace(temporary[kind], target)
    finally:
        for path in temporary.values():
            path.unlink(missing_ok=True)


def concatenate_all(dataset: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """Write the final files of all splits, as `concatenate` does; return what `describe_files` does of all."""
    files: dict[str, Any] = {}
    for split in dataset["splits"]:
        concatenate(dataset, fingerprint, split)
        files |= describe_files(dataset, split)
    return files


def merge_statistics(dataset: Mapping[str, Any], fingerprint: str) -> dict[str, Any]:
    """Merge the sidecars of all splits into `statistics.json`; return its content.

    What else the manifest needs of them is written to `shards/totals.json`, so that they are read once.

    Raises:
        ShardError: as `concatenate`.
    """
    summary, totals = merged_statistics(dataset, fingerprint)
    write_statistics(dataset, summary, totals)
    return summary


def write_statistics(dataset: Mapping[str, Any], summary: Mapping[str, Any], totals: Mapping[str, Any]) -> None:
    """Write what `merged_statistics` returned to `statistics.json` and `shards/totals.json`."""
    write_atomically(totals_file(dataset["save_dir"]), dump_json(totals) + "\n")
    write_atomically(Path(dataset["save_dir"]) / "statistics.json", dump_json(summary, indent=2) + "\n")


def merged_statistics(dataset: Mapping[str, Any], fingerprint: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Merge the sidecars of all splits, and count duplicates; return the statistics, and what the manifest needs.

    Raises:
        ShardError: as `concatenate`.
    """
    splits: dict[str, Any] = {}
    timing: dict[str, Any] = {}
    sizes: dict[str, Counter[str]] = {}
    versions: dict[str, set[str]] = {}
    timeouts: list[dict[str, Any]] = []
    problems: list[str] = []
    made_against: list[tuple[Shard, str, dict[str, str]]] = []
    for split, num_samples in dataset["splits"].items():
        statistics, rejected, generation = SplitStatistics(), Counter[str](), Timing()
        sizes[split] = Counter()
        intervals: list[tuple[float, float]] = []
        for shard, header in _headers(dataset, fingerprint, split, problems):
            if dataset["leakage"] == "reject":
                made_against.append((shard, split, header["held_out"]))
            statistics.merge(SplitStatistics.from_state(header["statistics"]))
            rejected.update(header["rejected"])
            clock = header["timing"]
            generation.merge(Timing.from_state(clock["generation"]))
            intervals.append((clock["started"], clock["finished"]))
            timeouts += [{"split": split, "index": i, "attempt": attempt} for i, attempt in header["timeouts"]]
            for name, version in header["versions"].items():
                versions.setdefault(name, set()).add(version)
            sizes[split].update({kind: known["bytes"] for kind, known in header["files"].items()})
        splits[split] = {
            "num_samples": num_samples,
            **statistics.result(),
            "rejected": dict(sorted(rejected.items())),
        }
        seconds = _covered(intervals)
        timing[split] = {
            "total_time": seconds,
            "samples_per_second": num_samples / seconds if seconds > 0 else None,
            "generation_time": generation.result(),
        }
    _raise(problems, "the dataset")
    if dataset["leakage"] == "reject":
        _require_held_out(dataset, made_against)
    if dataset["leakage"] != "ignore":
        scratch = Path(dataset["save_dir"]) / "shards"
        digests = {split: _digests(dataset, split) for split in splits}
        for split, found in count_duplicates(digests, dict(dataset["splits"]), scratch).items():
            splits[split] |= found
    totals = {
        "fingerprint": fingerprint,
        "splits": dataset["splits"],
        "bytes": sizes,
        # More than one version of a name means that a run was continued after an update.
        "versions": {name: ", ".join(sorted(found)) for name, found in sorted(versions.items())},
        "timeouts": timeouts,
    }
    return {"splits": splits, "timing": timing}, totals


def describe_files(dataset: Mapping[str, Any], split: str) -> dict[str, Any]:
    """Read the final files of a split; return bytes, lines and SHA-256 by file name."""
    return {path.name: _describe(path) for path in data_files(dataset, split).values()}


def handed_over(path: Path) -> dict[str, Any]:
    """Read a file that an earlier job left for the manifest.

    Raises:
        ShardError: it is damaged.
    """
    try:
        return dict(load_json(path.read_bytes()))
    except (ValueError, TypeError) as error:
        raise ShardError(f"{path} is damaged: remove it and run again") from error


def write_manifest(dataset: Mapping[str, Any], fingerprint: str, files: Mapping[str, Any]) -> dict[str, Any]:
    """Write `manifest.json` and `SHA256SUMS` of a finished dataset; return the manifest.

    The manifest says how the dataset came about; `SHA256SUMS` covers the data files alone, so it is the same
    wherever the dataset is built.

    Args:
        dataset: the resolved dataset.
        fingerprint: what the shards were made with.
        files: the final files of all splits, by `describe_files`.

    Raises:
        ShardError: a final file has not the size that its shards add up to, or the totals are damaged or of another
            dataset.
    """
    folder = Path(dataset["save_dir"])
    problems: list[str] = []
    totals = handed_over(totals_file(folder))
    if (totals.get("fingerprint"), totals.get("splits")) != (fingerprint, dataset["splits"]):
        raise ShardError(f"{totals_file(folder)} is of another config or generator: remove it and run again")
    for split, num_samples in dataset["splits"].items():
        for kind, path in data_files(dataset, split).items():
            entry, size = files.get(path.name, {}), totals["bytes"][split].get(kind, 0)
            # The size on the disk too: the file may have changed since it was read.
            if (entry.get("lines"), entry.get("bytes"), path.stat().st_size) != (num_samples, size, size):
                problems.append(f"{path} is not what its shards add up to: remove it and run again")
    _raise(problems, "the dataset")
    summary = load_json((folder / "statistics.json").read_bytes())
    ledger = folder / "timeouts.jsonl"
    if dataset["sample_timeout"] is not None or dataset["ledger"] is not None:
        write_atomically(ledger, "".join(f"{json.dumps(entry)}\n" for entry in totals["timeouts"]))
    else:
        ledger.unlink(missing_ok=True)
    manifest = {
        "config": as_config(dataset),
        "fingerprint": fingerprint,
        "sources": load_json((folder / "recipe.json").read_bytes())["sources"],
        "versions": totals["versions"],
        "collected_with": {"algebraset": __version__, "git_commit": _git_commit()},
        "files": files,
        "statistics_sha256": statistics_digest(summary),
        "timeouts": len(totals["timeouts"]),
    }
    write_atomically(folder / "manifest.json", dump_json(manifest, indent=2) + "\n")
    sums = "".join(f"{entry['sha256']}  {name}\n" for name, entry in files.items())
    write_atomically(folder / "SHA256SUMS", sums)
    remove_leftovers(folder)
    return manifest


def check_answers(dataset: Mapping[str, Any], check: Callable[[Any, Any], Any]) -> Iterator[tuple[str, int, list[str]]]:
    """Verify all answers of a finished dataset in their text form, as another system may do.

    Args:
        dataset: the resolved dataset.
        check: the check function, which gets problem and answer with every leaf as text.

    Yields:
        Per split its name, the number of answers, and for each that is wrong or cannot be checked a line that names it.

    Raises:
        ConfigError: the dataset has no JSON Lines file.
        FormatError: a line is no sample.
    """
    for split in dataset["splits"]:
        path = Path(dataset["save_dir"]) / f"{split}_data.jsonl"
        if not path.is_file():
            raise ConfigError(f"{path} is missing: answers are checked in the JSON Lines files (save_json)")
        failed, count = [], 0
        for count, (problem, answer) in enumerate(read_samples(path), 1):
            try:
                right = check(problem, answer)
            except Exception as error:
                why = f"{type(error).__name__}: {error}"
                failed.append(f"{path}, line {count}: the check failed, which gets values as text here: {why}")
                continue
            if not right:
                failed.append(f"{path}, line {count}: {problem!r} has the wrong answer {answer!r}")
        yield split, count, failed


def statistics_digest(summary: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the reproducible part of the statistics: all but what the clock says."""
    return hashlib.sha256(dump_json(summary["splits"]).encode()).hexdigest()


def _headers(
    dataset: Mapping[str, Any], fingerprint: str, split: str, problems: list[str]
) -> Iterator[tuple[Shard, dict[str, Any]]]:
    """Yield the planned shards of a split with their headers; append to `problems` what is wrong with others."""
    save_dir, count = dataset["save_dir"], num_batches(dataset, split)
    foreign = unplanned(shard_dir(save_dir, split), count)
    if foreign and not dataset["keep_shards"]:  # scratch of a killed run with another plan, but no folder of the user's
        for path in foreign:
            if path.is_file() or path.name.isdecimal():
                remove(path)
    elif foreign:
        names = ", ".join(path.name for path in foreign[:5]) + (", ..." if len(foreign) > 5 else "")
        problems.append(
            f"{foreign[0].parent} has {len(foreign)} files or folders that are no planned batch's ({names}): "
            "they may come from an earlier config; delete them if nobody needs them"
        )
    for number in range(count):
        planned = batch(dataset, split, number)
        shard = Shard.of(save_dir, planned)
        try:
            header = read_header(shard.sidecar)
            require_planned(header, shard.sidecar, planned, fingerprint)
        except ShardError as error:
            problems.append(str(error))
            delete_shard(shard)
            continue
        yield shard, header


def _require_held_out(dataset: Mapping[str, Any], made_against: list[tuple[Shard, str, dict[str, str]]]) -> None:
    """Check that later splits were made against the problems that the held-out splits have now.

    Raises:
        ShardError: shards were made against others; they are deleted.
    """
    order = dict(generation_order(dataset))
    checksums = {
        split: hashlib.sha256(b"".join(sorted(set(each_digest(_digests(dataset, split)))))).hexdigest()
        for split in {name for names in order.values() for name in names}
    }
    problems = []
    for shard, split, held_out in made_against:
        if held_out != {name: checksums[name] for name in order[split]}:
            problems.append(
                f"{shard.sidecar} was made against other problems of the held-out splits than there are now"
            )
            delete_shard(shard)
    _raise(problems, "the dataset")


def _digests(dataset: Mapping[str, Any], split: str) -> Iterator[bytes]:
    problems: list[str] = []
    for number in range(num_batches(dataset, split)):
        shard = Shard.of(dataset["save_dir"], batch(dataset, split, number))
        try:
            yield from read_digests(shard.sidecar, read_header(shard.sidecar))
        except ShardError as error:
            problems.append(str(error))
            delete_shard(shard)
    _raise(problems, split)


def _copy(path: Path, output: Any, known: Mapping[str, Any], buffers: Sequence[memoryview], hashing: Executor) -> bool:
    """Append a file to another; return whether it has the known size and checksum."""
    digest, size = hashlib.sha256(), 0
    try:
        for block in _hashed(path, digest, buffers, hashing if known["bytes"] >= HANDED_OVER else None):
            output.write(block)
            size += len(block)
    except FileNotFoundError:
        return False
    return size == known["bytes"] and digest.hexdigest() == known["sha256"]


def _buffer() -> memoryview:
    """Return a block of memory to read to, again and again, that starts at a page of memory.

    A bytearray of this size starts some bytes after one, where some processors copy from the page cache at a fifth of
    the speed.
    """
    return memoryview(mmap.mmap(-1, BLOCK))


def _hashed(path: Path, digest: Any, buffers: Sequence[memoryview], hashing: Executor | None) -> Iterator[memoryview]:
    """Read a file block by block into the buffers by turns, and add it to a digest, complete at the end.

    A block is there until its buffer's next turn. Where `hashing` is a thread, it hashes a block while the caller uses
    it and the next one is read.
    """
    updates: deque[Future[None]] = deque()
    turns = cycle(buffers)
    with open(path, "rb", buffering=0) as file, naming(path):
        while size := file.readinto(buffer := next(turns)):
            block = buffer[:size]
            if hashing is None:
                digest.update(block)
            else:
                updates.append(hashing.submit(digest.update, block))
            yield block
            if len(updates) == len(buffers):  # the oldest one's buffer is read to next
                updates.popleft().result()
        for update in updates:
            update.result()


def _raise(problems: list[str], what: str) -> None:
    if problems:
        listed = "\n".join(f"- {problem}" for problem in problems[:20])
        more = f"\n- and {len(problems) - 20} more" if len(problems) > 20 else ""
        raise ShardError(
            f"{what}: {len(problems)} shards or files are not as planned:\n{listed}{more}\n"
            "Shards that were damaged are deleted: run again to make them anew; all others are kept."
        )


def remove_leftovers(folder: Path) -> None:
    """Remove what killed runs left under temporary names: the manifest is written last, when nobody needs them."""
    patterns = (".*.[0-9]*.tmp", "shards/.*.[0-9]*.tmp", "shards/*/.*.part", "shards/*/.*.parts")
    for path in [path for pattern in patterns for path in folder.glob(pattern)]:
        remove(path)


def _describe(path: Path) -> dict[str, Any]:
    digest, size, lines = hashlib.sha256(), 0, 0
    with ThreadPoolExecutor(1) as hashing:
        for block in _hashed(path, digest, [_buffer(), _buffer()], hashing):
            size += len(block)
            lines += block.tobytes().count(b"\n")  # a copy, since memory views cannot count
    return {"bytes": size, "lines": lines, "sha256": digest.hexdigest()}


def _covered(intervals: list[tuple[float, float]]) -> float:
    """Return for how many seconds at least one of the intervals lasted (batches overlap, and runs are resumed)."""
    total, end = 0.0, float("-inf")
    for start, stop in sorted(intervals):
        total += max(0.0, stop - max(start, end))
        end = max(end, stop)
    return total


def _git_commit() -> str | None:
    """Return the commit of algebraset's checkout, with "-dirty" if it was changed; None outside a checkout."""
    git = shutil.which("git")
    if git is None:
        return None
    command = [git, "-C", str(Path(__file__).parent), "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    return result.stdout.strip() or None if result.returncode == 0 else None
