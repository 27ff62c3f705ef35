"""Collect: damaged, missing and foreign shards, duplicates, the manifest and the checksums."""

from __future__ import annotations

import hashlib
import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep
from unittest.mock import patch

import pytest
from helpers import data_files, make, picky_sums, run_python, size_statistics, snapshot, sums
from hypothesis import given, settings
from hypothesis import strategies as st

import algebraset.jobs
from algebraset import ShardError
from algebraset.collect import (
    _covered,
    concatenate,
    describe_files,
    merge_statistics,
    statistics_digest,
    write_manifest,
)
from algebraset.duplicates import count_duplicates
from algebraset.statistics import dump_json

SPLITS = {"train": 20, "test": 7}


@pytest.fixture(scope="module")
def kept(tmp_path_factory) -> Path:
    """Return a finished dataset with its shards, not to be changed."""
    folder = tmp_path_factory.mktemp("kept")
    make(folder, picky_sums, splits=SPLITS, batch_size=5, keep_shards=True).run()
    return folder


@pytest.fixture
def folder(kept, tmp_path) -> Path:
    """Return a copy of that dataset."""
    return shutil.copytree(kept, tmp_path / "data")


def pipeline(folder: Path, **settings):
    return make(folder, picky_sums, **({"splits": SPLITS, "batch_size": 5, "keep_shards": True} | settings))


def fingerprint_of(folder: Path) -> str:
    return json.loads((folder / "manifest.json").read_text())["fingerprint"]


def collect(folder: Path) -> None:
    """Collect all that a workflow collects."""
    dataset = pipeline(folder).dataset
    fingerprint = fingerprint_of(folder)
    for split in SPLITS:
        concatenate(dataset, fingerprint, split)
    merge_statistics(dataset, fingerprint)
    write_manifest(dataset, fingerprint, describe_all(dataset))


def describe_all(dataset: dict) -> dict:
    """Return checksums and sizes of all final files, as the manifest takes them."""
    return {name: entry for split in SPLITS for name, entry in describe_files(dataset, split).items()}


def change(path: Path, edit: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(edit(path.read_bytes()))
    return path


def flipped(position: int) -> Callable[[bytes], bytes]:
    """Return an edit that flips the lowest bit of the byte at a position."""

    def edit(content: bytes) -> bytes:
        changed = bytearray(content)
        changed[position] ^= 1
        return bytes(changed)

    return edit


def renamed(word: bytes) -> Callable[[bytes], bytes]:
    return lambda content: content.replace(b'"' + word + b'"', b'"' + word[:-1] + b'_"', 1)


TRAIN = Path("shards/train")
DAMAGES = {
    "text truncated": lambda f: change(f / TRAIN / "0000002/raw.txt", lambda content: content[:-1]),
    "text flipped": lambda f: change(f / TRAIN / "0000002/raw.txt", flipped(3)),
    "text extended": lambda f: change(f / TRAIN / "0000002/raw.txt", lambda content: content + b"1 # 1\n"),
    "text missing": lambda f: (f / TRAIN / "0000002/raw.txt").unlink(),
    "text empty": lambda f: change(f / TRAIN / "0000002/raw.txt", lambda content: b""),
    "json truncated": lambda f: change(f / TRAIN / "0000002/data.jsonl", lambda content: content[:-1]),
    "json flipped": lambda f: change(f / TRAIN / "0000002/data.jsonl", flipped(14)),
    "json missing": lambda f: (f / TRAIN / "0000002/data.jsonl").unlink(),
    "sidecar missing": lambda f: (f / TRAIN / "0000002/sidecar").unlink(),
    "sidecar empty": lambda f: change(f / TRAIN / "0000002/sidecar", lambda content: b""),
    "sidecar cut in its header": lambda f: change(f / TRAIN / "0000002/sidecar", lambda content: content[:200]),
    "sidecar without split": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"split")),
    "sidecar without number": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"number")),
    "sidecar without fingerprint": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"fingerprint")),
    "sidecar without statistics": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"statistics")),
    "sidecar without rejected": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"rejected")),
    "sidecar without digests": lambda f: change(f / TRAIN / "0000002/sidecar", renamed(b"digests")),
    "digests flipped": lambda f: change(f / TRAIN / "0000002/sidecar", flipped(-1)),
    "digests truncated": lambda f: change(f / TRAIN / "0000002/sidecar", lambda content: content[:-16]),
    "digests cut in one": lambda f: change(f / TRAIN / "0000002/sidecar", lambda content: content[:-5]),
    "of another batch": lambda f: shutil.copy(f / TRAIN / "0000001/sidecar", f / TRAIN / "0000002/sidecar"),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_shard_is_named_and_deleted_and_all_others_stay(folder, damage):
    final = snapshot(folder)
    expected = data_files(folder)
    DAMAGES[damage](folder)
    with pytest.raises(ShardError, match=r"0000002/(raw\.txt|data\.jsonl|sidecar)") as caught:
        collect(folder)
    assert "run again" in str(caught.value)
    assert not (folder / TRAIN / "0000002").exists()
    after = snapshot(folder)
    shards = {name for name in final if name.startswith("shards/") and "train/0000002" not in name}
    assert {name: after[name] for name in shards} == {name: final[name] for name in shards}
    assert data_files(folder) == expected
    assert not [name for name in after if Path(name).name.startswith(".")]


@pytest.mark.parametrize("damage", [damage for damage in DAMAGES if damage.startswith("digests ")])
def test_damaged_digests_are_found_when_they_are_counted_in_many_parts(folder, damage):
    DAMAGES[damage](folder)
    with patch("algebraset.duplicates.PART_SIZE", 1), pytest.raises(ShardError, match="0000002/sidecar is damaged"):
        merge_statistics(pipeline(folder).dataset, fingerprint_of(folder))


@pytest.mark.parametrize("damage", DAMAGES)
def test_running_again_repairs_a_damaged_shard(folder, damage, tmp_path):
    """The dataset grows here, since a finished one is left alone."""
    grown = {"splits": {"train": 25, "test": 7}}
    DAMAGES[damage](folder)
    try:
        pipeline(folder, **grown).run()
    except ShardError as error:
        assert "0000002" in str(error)
        pipeline(folder, **grown).run()
    pipeline(tmp_path / "clean", **grown).run()
    assert data_files(folder) == data_files(tmp_path / "clean")
    assert statistics_of(folder) == statistics_of(tmp_path / "clean")


def test_a_damaged_shard_of_the_first_run_is_repaired_by_the_next(tmp_path, monkeypatch):
    """Nothing but shards is there yet: the dataset has no manifest to tell by."""
    make(tmp_path / "clean").run()
    for kind, damage in {"text": flipped(3), "sidecar": flipped(-1)}.items():

        def spoil(dataset, *args, kind=kind, damage=damage):
            name = {"text": "raw.txt"}.get(kind, kind)
            change(Path(dataset["save_dir"]) / "shards/train/0000000" / name, damage)
            return concatenate(dataset, *args)

        with monkeypatch.context() as context, pytest.raises(ShardError):
            context.setattr("algebraset.collect.concatenate", once(spoil))
            make(tmp_path / kind).run()
        make(tmp_path / kind).run()
        assert data_files(tmp_path / kind) == data_files(tmp_path / "clean")


def once(spoil):
    calls = []

    def first(*args):
        calls.append(args)
        return spoil(*args) if len(calls) == 1 else concatenate(*args)

    return first


def statistics_of(folder: Path) -> str:
    return dump_json(json.loads((folder / "statistics.json").read_text())["splits"])


def long_problems(seed: int) -> tuple[str, str]:
    return f"{seed:0300000d}", "0"


@pytest.mark.parametrize("number", [1, 4, 7, 8])
def test_shards_of_many_blocks_are_copied_and_checked_as_small_ones_are(tmp_path, number):
    """Blocks are a megabyte, two of which are under way at a time; one sample has 0.3 MB."""
    settings = {"splits": {"train": 2 * number}, "batch_size": number, "keep_shards": True, "save_json": False}
    make(tmp_path, long_problems, None, **settings).run()
    shards = [tmp_path / TRAIN / f"{shard:07d}" / "raw.txt" for shard in (0, 1)]
    contents = [path.read_bytes() for path in shards]
    assert (tmp_path / "train_raw.txt").read_bytes() == b"".join(contents)
    for position in (5, len(contents[1]) // 2, -2):
        (tmp_path / "train_raw.txt").unlink()
        change(shards[1], flipped(position))
        with pytest.raises(ShardError, match=r"0000001/raw\.txt is damaged"):
            concatenate(make(tmp_path, long_problems, None, **settings).dataset, fingerprint_of(tmp_path), "train")
        assert not (tmp_path / "train_raw.txt").exists() and not shards[1].parent.exists() and shards[0].exists()
        make(tmp_path, long_problems, None, **settings).run()
        assert (tmp_path / "train_raw.txt").read_bytes() == b"".join(contents)


class SlowThread(ThreadPoolExecutor):
    """Starts on everything late, as a thread does on a busy machine."""

    def submit(self, function, /, *args):
        return super().submit(lambda: (sleep(0.005), function(*args)))


def test_blocks_are_not_overwritten_before_they_are_hashed(tmp_path, monkeypatch):
    for name, value in {"BLOCK": 4096, "HANDED_OVER": 0, "ThreadPoolExecutor": SlowThread}.items():
        monkeypatch.setattr(f"algebraset.collect.{name}", value)
    make(tmp_path, splits={"train": 1000}, batch_size=500).run()  # stops if a checksum differs
    assert (tmp_path / "train_data.jsonl").read_bytes().count(b"\n") == 1000


def test_no_flipped_bit_of_a_sidecar_changes_the_statistics_silently(folder):
    path = folder / TRAIN / "0000002/sidecar"
    whole, expected = path.read_bytes(), statistics_of(folder)
    dataset = pipeline(folder).dataset
    fingerprint = fingerprint_of(folder)
    rng = random.Random(1)
    shard = {name: (path.parent / name).read_bytes() for name in ("raw.txt", "data.jsonl")}
    wrong = []
    for position in rng.sample(range(len(whole)), 150):
        changed = bytearray(whole)
        changed[position] ^= 1 << rng.randrange(8)
        path.parent.mkdir(exist_ok=True)  # a damaged shard was deleted
        path.write_bytes(changed)
        for name, content in shard.items():
            (path.parent / name).write_bytes(content)
        try:
            merge_statistics(dataset, fingerprint)
        except ShardError as error:
            assert "0000002" in str(error)
        except Exception as error:
            wrong.append((position, repr(error)))
        else:
            if statistics_of(folder) != expected:
                wrong.append((position, "silently other statistics"))
    assert not wrong, f"{len(wrong)} of 150 flips, such as {wrong[:3]}"


def test_a_shard_of_another_generator_is_named_and_deleted(folder, tmp_path):
    make(tmp_path / "other", sums, splits=SPLITS, batch_size=5, keep_shards=True).run()
    shutil.copytree(tmp_path / "other" / TRAIN / "0000002", folder / TRAIN / "0000002", dirs_exist_ok=True)
    with pytest.raises(ShardError, match=r"0000002/sidecar was made with another"):
        collect(folder)
    assert not (folder / TRAIN / "0000002").exists()


@pytest.mark.parametrize("name", ["0000004/sidecar", "notes.md", "0000000.bak/raw.txt"])
def test_files_that_nobody_planned_are_named_and_kept(folder, name):
    expected = data_files(folder)
    (folder / TRAIN / name).parent.mkdir(exist_ok=True)
    (folder / TRAIN / name).write_text("mine")
    with pytest.raises(ShardError, match=re.escape(name.split("/")[0])):
        collect(folder)
    assert (folder / TRAIN / name).read_text() == "mine"
    assert data_files(folder) == expected


def test_only_scratch_is_removed_where_shards_are_not_kept(folder):
    """Shards of another plan are scratch of a killed run; a folder with any other name is somebody's."""
    dataset, manifest = pipeline(folder).dataset, json.loads((folder / "manifest.json").read_text())
    for name in ("0000009", "mine"):
        shutil.copytree(folder / TRAIN / "0000000", folder / TRAIN / name)
    (folder / TRAIN / "0000000.txt").write_text("of an older version")
    concatenate(dataset | {"keep_shards": False}, manifest["fingerprint"], "train")
    found = {path.name for path in (folder / TRAIN).iterdir()}
    assert found == {"0000000", "0000001", "0000002", "0000003", "mine"}


def test_a_shard_that_cannot_be_deleted_is_no_reason_to_say_it_was(folder, monkeypatch):
    """The error is the one of the file system."""
    change(folder / TRAIN / "0000002/raw.txt", flipped(3))

    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("algebraset.shards.shutil.rmtree", refuse)
    with pytest.raises(PermissionError, match="0000002"):
        collect(folder)


def test_every_problem_is_listed_at_once(folder):
    for number in (0, 2, 3):
        (folder / TRAIN / f"000000{number}/sidecar").unlink()
    with pytest.raises(ShardError) as caught:
        collect(folder)
    assert all(f"000000{number}/sidecar" in str(caught.value) for number in (0, 2, 3))


def test_a_final_file_that_is_not_its_shards_is_an_error(folder):
    dataset, manifest = pipeline(folder).dataset, json.loads((folder / "manifest.json").read_text())
    change(folder / "train_raw.txt", lambda content: content[:-4])
    merge_statistics(dataset, manifest["fingerprint"])
    with pytest.raises(ShardError, match=r"train_raw\.txt"):
        write_manifest(dataset, manifest["fingerprint"], describe_all(dataset))


def run_jobs(folder: Path, *jobs: str) -> None:
    """Run collecting jobs of the workflow."""
    dataset = pipeline(folder).dataset
    for name in jobs:
        if name == "concatenate":
            for split in SPLITS:
                algebraset.jobs.concatenate(dataset, folder / "recipe.json", split)
        else:
            getattr(algebraset.jobs, name)(dataset, folder / "recipe.json")


def test_the_jobs_of_the_workflow_write_the_manifest_of_the_api(folder):
    collect(folder)
    before = (folder / "manifest.json").read_bytes()
    (folder / "manifest.json").unlink()
    run_jobs(folder, "concatenate", "merge_statistics", "write_manifest")
    assert (folder / "manifest.json").read_bytes() == before


def test_a_final_file_that_changed_after_its_job_makes_no_manifest(folder):
    run_jobs(folder, "concatenate", "merge_statistics")
    change(folder / "train_raw.txt", lambda content: content[:-4])
    with pytest.raises(ShardError, match=r"train_raw\.txt is not what its shards add up to"):
        run_jobs(folder, "write_manifest")


@pytest.mark.parametrize("name", ["train.checksums", "totals.json"])
@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"7", b"\xff"])
def test_a_damaged_file_of_an_earlier_job_is_named(folder, name, content):
    run_jobs(folder, "concatenate", "merge_statistics")
    (folder / "shards" / name).write_bytes(content)
    with pytest.raises(ShardError, match=rf"{re.escape(name)} is damaged"):
        run_jobs(folder, "write_manifest")


def test_checksums_without_a_final_file_make_no_manifest(folder):
    run_jobs(folder, "concatenate", "merge_statistics")
    (folder / "shards/train.checksums").write_bytes(b"{}")
    with pytest.raises(ShardError, match=r"train_raw\.txt is not what its shards add up to"):
        run_jobs(folder, "write_manifest")


def test_totals_of_another_dataset_make_no_manifest(folder):
    dataset, before = pipeline(folder).dataset, (folder / "manifest.json").read_bytes()
    merge_statistics(dataset, json.loads(before)["fingerprint"])
    with pytest.raises(ShardError, match=r"totals\.json is of another config"):
        write_manifest(dataset, "0" * 64, describe_all(dataset))
    assert (folder / "manifest.json").read_bytes() == before


def test_collecting_again_gives_the_same_bytes(folder):
    before, statistics = data_files(folder), statistics_of(folder)
    collect(folder)
    assert data_files(folder) == before and statistics_of(folder) == statistics


def naive(samples: dict[str, list[bytes]]) -> dict:
    return {
        split: {
            "duplicate_problems": sum(own[position] in own[:position] for position in range(len(own))),
            "leaked_problems": {
                other: sum(digest in theirs for digest in own) for other, theirs in samples.items() if other != split
            },
        }
        for split, own in samples.items()
    }


POOL = [hashlib.sha256(bytes([number])).digest()[:16] for number in range(30)]
POOL += [POOL[0][:8] + digest[8:] for digest in POOL[1:10]]  # different, with the same first half
split_digests = st.dictionaries(st.sampled_from(["train", "test", "dev"]), st.lists(st.sampled_from(POOL), max_size=40))


@settings(deadline=None, max_examples=60)
@given(split_digests, st.integers(1, 7), st.sampled_from([1, 10, 1_000_000]), st.integers(1, 40), st.integers(1, 500))
def test_duplicates_are_counted_exactly_in_one_part_or_many(
    tmp_path_factory, samples, piece, part_size, cached, gathered
):
    scratch = tmp_path_factory.getbasetemp() / "digests"
    with patch.multiple("algebraset.duplicates", PART_SIZE=part_size, CACHED=cached, PIECE=gathered):
        counts = count_duplicates(
            {split: pieces_of(digests, piece) for split, digests in samples.items()},
            {split: len(digests) for split, digests in samples.items()},
            scratch,
        )
    assert counts == naive(samples)
    assert not scratch.exists() or not list(scratch.iterdir())


def pieces_of(digests: list[bytes], size: int):
    return (b"".join(digests[start : start + size]) for start in range(0, len(digests), size))


@pytest.mark.parametrize("part_size", [10, 1_000_000])
def test_statistics_count_duplicate_and_leaked_problems(tmp_path, part_size):
    with patch("algebraset.duplicates.PART_SIZE", part_size):
        make(tmp_path, sums, splits={"train": 60, "test": 25}, batch_size=9).run()
    problems = {
        split: [json.loads(line)["problem"] for line in (tmp_path / f"{split}_data.jsonl").read_text().splitlines()]
        for split in ("train", "test")
    }
    found = json.loads((tmp_path / "statistics.json").read_text())["splits"]
    for split, counts in naive(problems).items():
        assert {key: found[split][key] for key in counts} == counts
        assert counts["duplicate_problems"] > 0
    assert naive(problems)["train"]["leaked_problems"]["test"] > 0


def test_duplicates_do_not_depend_on_the_formats_written(tmp_path):
    for name in ("save_text", "save_json"):
        make(tmp_path / name, num_train_samples=60, **{name: False}).run()
    assert statistics_of(tmp_path / "save_text") == statistics_of(tmp_path / "save_json")


def test_the_manifest_describes_the_files(kept):
    manifest = json.loads((kept / "manifest.json").read_text())
    assert set(manifest["files"]) == {f"{split}_{suffix}" for split in SPLITS for suffix in ("raw.txt", "data.jsonl")}
    for name, entry in manifest["files"].items():
        content = (kept / name).read_bytes()
        assert entry == {
            "bytes": len(content),
            "lines": content.count(b"\n"),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    for name in ("python", "algebraset", "sympy"):
        assert manifest["versions"][name]
    assert set(manifest["sources"]) == {"generator", "statistics"}
    assert "git_commit" in manifest["collected_with"]
    summary = json.loads((kept / "statistics.json").read_text())
    assert manifest["statistics_sha256"] == statistics_digest(summary)


def test_statistics_json_has_what_the_design_lists(kept):
    summary = json.loads((kept / "statistics.json").read_text())
    assert set(summary) == {"splits", "timing"}
    keys = {"num_samples", "problem_stats", "answer_stats", "ratio_stats", "rejected"}
    for split, count in SPLITS.items():
        entry = summary["splits"][split]
        assert set(entry) == keys | {"duplicate_problems", "leaked_problems"}
        assert entry["num_samples"] == entry["ratio_stats"]["count"] == count
        assert set(entry["problem_stats"]["length"]) >= {"count", "mean", "std", "min", "max", "quantiles"}
        timing = summary["timing"][split]
        assert set(timing) == {"total_time", "samples_per_second", "generation_time"}
        assert set(timing["generation_time"]) == {"mean", "std", "min", "max"}
        assert timing["total_time"] > 0
        assert timing["samples_per_second"] == pytest.approx(count / timing["total_time"])


def test_all_but_the_clock_is_reproducible(kept, tmp_path):
    make(tmp_path, picky_sums, size_statistics, splits=SPLITS, batch_size=4).run()
    assert statistics_of(tmp_path) == statistics_of(kept)
    manifests = [json.loads((folder / "manifest.json").read_text()) for folder in (kept, tmp_path)]
    for key in ("statistics_sha256", "files", "fingerprint", "sources", "versions"):
        assert manifests[0][key] == manifests[1][key]
    assert (kept / "SHA256SUMS").read_bytes() == (tmp_path / "SHA256SUMS").read_bytes()


def test_checksums_are_checked_by_sha256sum(folder):
    def check() -> int:
        return subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=folder, capture_output=True).returncode

    assert check() == 0
    change(folder / "test_raw.txt", flipped(0))
    assert check() != 0


intervals = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 10)).map(lambda p: (p[0], p[0] + p[1])), max_size=12)


@given(intervals)
def test_time_is_counted_once_where_batches_overlap(spans):
    assert _covered([(float(start), float(stop)) for start, stop in spans]) == len(
        {second for start, stop in spans for second in range(start, stop)}
    )


COUNT_MANY = """
import os, re
from pathlib import Path
from algebraset.duplicates import count_duplicates

def pieces(number):
    for _ in range(number // 100_000):
        yield os.urandom(16 * 100_000)
    yield bytes(32)  # the same digest twice

def peak():  # of this process alone; getrusage begins with the peak of the one that started it
    return int(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1])

before = peak()
digests = {"train": pieces(2_000_000), "test": pieces(100_000)}
found = count_duplicates(digests, {"train": 2_000_002, "test": 100_002}, Path("scratch"))
print(found["train"]["duplicate_problems"], found["train"]["leaked_problems"]["test"])
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process alone is read from /proc")
def test_counting_duplicates_takes_the_memory_of_one_part(tmp_path):
    """A part has 16,000 digests, of however many samples (docs/design.md)."""
    (tmp_path / "count.py").write_text(COUNT_MANY)
    result = run_python("count.py", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    counts, kilobytes = result.stdout.splitlines()
    assert counts == "1 2"
    assert int(kilobytes) < 25_000  # two million digests at once would take ten times as much
