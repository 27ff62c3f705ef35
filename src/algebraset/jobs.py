"""Jobs: what each rule of the workflow does, called by its script in `workflow/scripts/`."""

from __future__ import annotations

import functools
import json
import os
import shutil
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import time
from typing import Any

from algebraset import collect, shards
from algebraset.config import read_resolved
from algebraset.errors import plain_errors, sample_command
from algebraset.formats import write_atomically
from algebraset.generate import load_recipe, require_fixed_hashing
from algebraset.plan import Batch, Shard, checksums_file, digests_file, parts, plan_split
from algebraset.shards import ShardWriter, held_out_checksums, is_finished, merge_shards
from algebraset.statistics import dump_json
from algebraset.workers import Chunk, Settings, Task, end_with, finished_chunks, loading, write_shards


def try_first_sample(dataset: Mapping[str, Any], path: Path) -> None:
    """Try a dataset's functions on the first sample of every split and write `recipe.json`.

    The file holds the resolved config (so it works as a config file) and the fingerprint that shards must have.

    Args:
        dataset: the resolved dataset.
        path: `recipe.json` in the dataset's folder.

    Raises:
        ConfigError: a function is not there or does not take its parameters.
        SampleError: a first sample cannot be made.
    """
    require_fixed_hashing("jobs")
    # The config file in the command that an error names: Snakemake deletes the outputs of a job that failed.
    tried = path.parent / "logs" / "first_sample.json"
    make_recipe = functools.partial(load_recipe, dict(dataset), sample_command(tried))
    recipe, settings = make_recipe(), Settings.of(dataset, n_jobs=1)
    _end_with_snakemake(settings)
    collect.write_recipe(dataset, recipe, tried)
    firsts = [Batch(split, 0, 0, 1) for split, num_samples in dataset["splits"].items() if num_samples]
    chunks = (Chunk(Task(batch, Shard.of(path.parent, batch)), 0, 1) for batch in firsts)
    with finished_chunks(chunks, recipe, make_recipe, settings) as finished:
        for _ in finished:
            pass
    collect.write_recipe(dataset, recipe, path)


def generate_batch(
    folder: Path,
    start: int,
    stop: int,
    held_out: tuple[Path, ...],
    n_jobs: int,
    batch_size: int,
    recycle_after: int | None,
) -> None:
    """Generate one job's samples and write its shard. A job of several batches continues from those that are finished.

    Args:
        folder: the shard to write, `<save_dir>/shards/<split>/<number>`.
        start: index of its first sample.
        stop: index after its last sample.
        held_out: the files of digests (`write_digests`) of the splits whose problems it must not have.
        n_jobs: worker processes.
        batch_size: samples after which a job of several batches can be continued.
        recycle_after: samples after which a worker process is replaced, None for never.

    Raises:
        SampleError: a sample could not be made.
        ShardError: a file cannot be written.
        WorkerDied: a worker process was killed.
    """
    require_fixed_hashing("jobs")
    started = time()
    path, batch = recipe_of(folder), Batch(folder.parent.name, int(folder.name), start, stop)
    # The rest comes from the command line: what changes no sample may differ from when the recipe was written.
    dataset = read_resolved(path) | {"recycle_after": recycle_after}
    make_recipe = functools.partial(load_recipe, dataset, sample_command(path))
    with loading():
        recipe = make_recipe()
    settings, shard = Settings.of(dataset, n_jobs), Shard(folder)
    _end_with_snakemake(settings)
    if batch.stop - batch.start <= batch_size:
        write_shards([Task(batch, shard, held_out)], recipe, make_recipe, settings)
        return
    # Snakemake deletes the outputs of a job that failed, so the batches of this one wait in a folder it does not know.
    scratch = shard.folder.with_name(f".{batch.label}.parts")
    checksums = held_out_checksums(held_out)
    tasks = [Task(part, Shard.of(scratch, part), held_out) for part in parts(batch, batch_size)]
    todo = [task for task in tasks if not is_finished(task.shard, task.batch, recipe.fingerprint, checksums)]
    write_shards(todo, recipe, make_recipe, settings)
    with ShardWriter(shard, batch, recipe, checksums, started) as whole:
        merge_shards((task.shard for task in tasks), whole)
        whole.finish(finished=time())
    shutil.rmtree(scratch)


def recipe_of(shard: Path) -> Path:
    """Return the `recipe.json` of the dataset that a shard belongs to."""
    return shard.parents[2] / "recipe.json"


def write_digests(dataset: Mapping[str, Any], path: Path, split: str) -> None:
    """Write the digests of a held-out split's problems beside its shards; `path` is `recipe.json`."""
    located, _ = _located(dataset, path)
    sidecars = (Shard.of(located["save_dir"], batch).sidecar for batch in plan_split(located, split))
    shards.write_digests(sidecars, digests_file(located["save_dir"], split))


def concatenate(dataset: Mapping[str, Any], path: Path, split: str) -> None:
    """Write the final files of a split, beside `recipe.json` at `path`, and then their checksums, read from the disk.

    Raises:
        ShardError: as `collect.concatenate`.
    """
    located, fingerprint = _located(dataset, path)
    collect.concatenate(located, fingerprint, split)
    described = collect.describe_files(located, split)
    write_atomically(checksums_file(located["save_dir"], split), dump_json(described) + "\n")


def merge_statistics(dataset: Mapping[str, Any], path: Path) -> None:
    """Write `statistics.json` beside `recipe.json` at `path`; see `collect.merge_statistics`."""
    collect.merge_statistics(*_located(dataset, path))


def write_manifest(dataset: Mapping[str, Any], path: Path) -> None:
    """Write `manifest.json` and `SHA256SUMS` beside `recipe.json` at `path`, with the checksums of earlier jobs.

    Raises:
        ShardError: as `collect.write_manifest`, or checksums are damaged.
    """
    located, fingerprint = _located(dataset, path)
    files: dict[str, Any] = {}
    for split in located["splits"]:
        files |= collect.handed_over(checksums_file(located["save_dir"], split))
    collect.write_manifest(located, fingerprint, files)
    (path.parent / "shards" / ".lock").unlink(missing_ok=True)  # this job is the last


def _end_with_snakemake(settings: Settings) -> None:
    """End this job when Snakemake is killed, and at once on Ctrl-C also in C code, which Python would wait for.

    What is left behind is overwritten by the next run. With workers, this process waits in Python code and stops them.
    """
    end_with(os.getppid())
    if settings.in_process:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def job(recipe: Path) -> Iterator[None]:
    """Run a job of the workflow: beside others, but not beside a run of the Python API, and with plain errors.

    Args:
        recipe: `recipe.json` of the dataset.
    """
    with plain_errors(), shards.locked(recipe.parent, shared=True):
        yield


def _located(dataset: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], str]:
    """Return the dataset, in the folder that Snakemake gave it, and the fingerprint its shards must have."""
    fingerprint = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    return {**dataset, "save_dir": str(path.parent)}, fingerprint
