"""Jobs: what each rule of the workflow does, called by its script in `workflow/scripts/`."""

from __future__ import annotations

import functools
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from algebraset import collect
from algebraset.config import as_config
from algebraset.errors import AlgebrasetError
from algebraset.formats import write_atomically
from algebraset.generate import load_recipe, make_samples, require_fixed_hashing
from algebraset.plan import Batch, Shard
from algebraset.statistics import dump_json
from algebraset.workers import write_shards


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
    recipe = load_recipe(dataset, repeat_command(path))
    content = {"config": as_config(dataset), "fingerprint": recipe.fingerprint, "sources": recipe.sources}
    # Written first, since it is the config file in the command that an error names.
    write_atomically(path, dump_json(content, indent=2) + "\n")
    for split, num_samples in dataset["splits"].items():
        make_samples(recipe, split, 0, min(1, num_samples), probe=True)


def generate_batch(path: Path, batch: Batch, shard: Shard, n_jobs: int) -> None:
    """Generate one batch with `n_jobs` processes and write its shard.

    Args:
        path: `recipe.json` of the dataset.
        batch: which samples.
        shard: the files to write.
        n_jobs: worker processes.

    Raises:
        SampleError: a sample could not be made.
        WorkerDied: a worker process was killed.
    """
    require_fixed_hashing("jobs")
    dataset = json.loads(path.read_text(encoding="utf-8"))["config"]["dataset"]
    make_recipe = functools.partial(load_recipe, dataset, repeat_command(path))
    write_shards([(batch, shard)], make_recipe(), make_recipe, n_jobs)


def concatenate(dataset: Mapping[str, Any], path: Path, split: str, kind: str) -> None:
    """Write one final file of a split, beside `recipe.json` at `path`; see `collect.concatenate`."""
    collect.concatenate(*_located(dataset, path), split, kind)


def merge_statistics(dataset: Mapping[str, Any], path: Path) -> None:
    """Write `statistics.json` beside `recipe.json` at `path`; see `collect.merge_statistics`."""
    collect.merge_statistics(*_located(dataset, path))


def write_manifest(dataset: Mapping[str, Any], path: Path) -> None:
    """Write `manifest.json` and `SHA256SUMS` beside `recipe.json` at `path`; see `collect.write_manifest`."""
    collect.write_manifest(*_located(dataset, path))


def repeat_command(config: Path) -> str:
    """Return the command that repeats a sample of a config file, but for `--split` and `--index`."""
    return f"python -m algebraset sample --configfile {shlex.quote(str(config))}"


@contextmanager
def plain_errors() -> Iterator[None]:
    """Print algebraset's own errors without a traceback, which would hide their text, and exit with status 1."""
    try:
        yield
    except AlgebrasetError as error:
        print(f"error: {error}", file=sys.stderr)
        if error.__cause__ is not None and not isinstance(error.__cause__, AlgebrasetError):
            import traceback

            print("\nCaused by:", file=sys.stderr)
            traceback.print_exception(error.__cause__, file=sys.stderr)
        sys.exit(1)


def _located(dataset: Mapping[str, Any], path: Path) -> tuple[dict[str, Any], str]:
    """Return the dataset, in the folder that Snakemake gave it, and the fingerprint its shards must have."""
    fingerprint = json.loads(path.read_text(encoding="utf-8"))["fingerprint"]
    return {**dataset, "save_dir": str(path.parent)}, fingerprint
