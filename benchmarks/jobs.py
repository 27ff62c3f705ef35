"""Jobs: the commands that the workflow's rules run, for benchmarks that look at one job alone."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, execute, run

SUMS = {"generator": "benchmarks.generators:sums", "statistics": "benchmarks.generators:statistics"}


def prepare(folder: Path, python: Path | str = sys.executable, **dataset: Any) -> str:
    """Make the folder of a dataset with its `recipe.json`, as the first job does; return the resolved dataset."""
    folder.mkdir(exist_ok=True)
    resolved = json.dumps(run("jobs", "resolve", dataset={**dataset, "save_dir": str(folder)}).value)
    (folder / "logs").mkdir()
    execute([*script("first_sample", python), f"--dataset={resolved}", f"--recipe={folder / 'recipe.json'}"])
    return resolved


def resolve(dataset: dict[str, Any]) -> dict[str, Any]:
    """Return a dataset with all defaults."""
    from algebraset.config import resolve_dataset

    return resolve_dataset(dataset)


def generate(folder: Path, count: int, *options: str, python: Path | str = sys.executable) -> list[str]:
    """Return the command that generates a batch with the first `count` samples of the split "train"."""
    shard = folder / "shards" / "train" / "0000000"
    return [*script("generate", python), str(shard), f"--batch-size={count}", f"--samples=0-{count}", *options]


def collect(folder: Path, dataset: str) -> dict[str, list[str]]:
    """Return the commands that collect a dataset with one split, "train", by what they do, in order."""
    shared = [f"--dataset={dataset}", f"--recipe={folder / 'recipe.json'}"]
    return {
        "concatenating": [*script("concatenate"), *shared, "--split=train"],
        "merging statistics": [*script("statistics"), *shared],
        "writing the manifest": [*script("manifest"), *shared],
    }


def script(name: str, python: Path | str = sys.executable) -> list[str]:
    """Return the start of a job's command."""
    return [str(python), "-P", str(ROOT / "workflow" / "scripts" / f"{name}.py")]
