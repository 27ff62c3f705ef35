"""Collecting: concatenation with checksums against `cat` on the same files, and what each of many shards costs.

The files are read from the page cache, where writing them has left them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import generators
from benchmarks.harness import Measured, Options, Result, alternate, compare, execute, run, scratch, seconds


def measure(options: Options) -> list[Result]:
    """Return the cost of collecting."""
    return [*concatenation(options), *many_shards(options), *duplicates(options)]


def concatenation(options: Options) -> list[Result]:
    """Compare the concatenation of a split's shards of text with `cat`, and its peaks at two sizes."""
    few, many, megabytes = options.size(4, 1), options.size(40, 4), options.size(10, 1)
    shape = {"samples": 10 * megabytes, "generator": "long_texts"}  # 100 kB each
    peaks: dict[str, list[float]] = {}
    for shards in (few, many):
        with scratch() as folder:
            dataset = {"folder": str(folder), "shards": shards, **shape}
            run("collect", "make_shards", **dataset)
            files = [str(folder / "shards" / "train" / f"{number:07d}" / "raw.txt") for number in range(shards)]
            cat = ["sh", "-c", 'target=$1; shift; cat "$@" > "$target"', "sh", str(folder / "cat.txt"), *files]
            targets = [folder / "train_raw.txt", folder / "cat.txt"]
            sides = {
                "algebraset": lambda t=targets, d=dataset: _afresh(t, lambda: run("collect", "concatenate", **d)),
                "cat": lambda t=targets, c=cat: _afresh(t, lambda: execute(c)),
            }
            runs = alternate(sides, options.repeats)
        peaks[f"{shards * megabytes} MB"] = [measured.peak for measured in runs["algebraset"]]
    size = many * megabytes
    rates = {
        "algebraset": [size / measured.value for measured in runs["algebraset"]],
        "cat": [size / measured.wall for measured in runs["cat"]],
    }
    what = f"concatenation of {size} MB with checksums, in the page cache: share of cat's throughput"
    return [
        compare(what, "MB/s", rates, more_is_better=True, at_least=0.5),
        compare("peak of concatenation", "MB", peaks, at_most=1.10),
    ]


def _afresh(targets: list[Path], side: Callable[[], Measured]) -> Measured:
    """Call a side once what was written before is removed and the disk has finished, since both would count for it."""
    for path in targets:
        path.unlink(missing_ok=True)
    os.sync()
    return side()


def many_shards(options: Options) -> list[Result]:
    """Time the concatenation of many small shards, and the merging of their statistics."""
    shards = options.size(2000, 20)
    with scratch() as folder:
        dataset = {"folder": str(folder), "shards": shards, "samples": 100, "generator": "sums"}
        run("collect", "make_shards", **dataset)
        return [
            Result(
                f"{what}, per shard of {shards:,} with 100 samples each",
                [1000 * run("collect", side, **dataset).value / shards for _ in range(options.repeats)],
                unit="ms",
            )
            for what, side in (("concatenating", "concatenate"), ("merging statistics and counting", "merge"))
        ]


def duplicates(options: Options) -> list[Result]:
    """Count duplicates among two sizes: cost per million, and peaks."""
    results, peaks = [], {}
    for samples in (options.size(2_000_000, 50_000), options.size(20_000_000, 100_000)):  # scattered once, and twice
        runs = [run("collect", "count", samples=samples) for _ in range(options.repeats)]
        peaks[f"{samples:,} samples"] = [measured.peak for measured in runs]
        per_million = [1e6 * measured.value / samples for measured in runs]
        results.append(Result(f"counting duplicates among {samples:,} samples, per million", per_million, unit="s"))
    return [*results, compare("peak of counting duplicates", "MB", peaks, at_most=1.10)]


def make_shards(**dataset: Any) -> None:
    """Make a dataset of so many shards, and keep these."""
    _pipeline(**dataset).run()


def concatenate(**dataset: Any) -> float:
    """Return the seconds of concatenating and checking all shards, as the job does before it reads them back."""
    from algebraset import collect

    resolved, recipe = _pipeline(**dataset).dataset, Path(dataset["folder"], "recipe.json")
    fingerprint = json.loads(recipe.read_text())["fingerprint"]
    return seconds(lambda: collect.concatenate(resolved, fingerprint, "train"))


def merge(**dataset: Any) -> float:
    """Return the seconds of merging the statistics of all shards, as the job does."""
    from algebraset import jobs

    resolved, recipe = _pipeline(**dataset).dataset, Path(dataset["folder"], "recipe.json")
    return seconds(lambda: jobs.merge_statistics(resolved, recipe))


def count(samples: int) -> float:
    """Return the seconds of counting duplicates among random digests, without those of making them."""
    from algebraset.duplicates import count_duplicates
    from algebraset.generate import DIGEST_SIZE
    from algebraset.shards import BLOCK

    piece = 10_000
    with scratch() as folder:
        digests = folder / "digests"
        with open(digests, "wb") as file:
            for _ in range(samples // piece):
                file.write(os.urandom(DIGEST_SIZE * piece))
        with open(digests, "rb") as file:
            pieces = iter(lambda: file.read(BLOCK), b"")  # as the job reads them
            return seconds(lambda: count_duplicates({"train": pieces}, {"train": samples}, folder))


def _pipeline(folder: str, shards: int, samples: int, generator: str) -> Any:
    from algebraset import DatasetPipeline

    return DatasetPipeline(
        generators.named(generator),
        generators.statistics if generator == "sums" else None,
        save_dir=folder,
        splits={"train": shards * samples},
        batch_size=samples,
        verbose=False,
        backend="sympy",
        save_json=generator == "sums",  # long texts are for comparing with `cat`
        keep_shards=True,
    )
