"""Engine: `DatasetPipeline.run()` and the workflow against the bare loop of the generator, and against calt-x.

The limit is workers x bare loop: what the same generator makes in a plain loop in one process, times the workers.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import generators
from benchmarks.harness import ROOT, Options, Result, alternate, execute, run, scratch

WORKERS = 2

# generator: samples of the bare loop, of ours against it, at least so much of the limit
LIMIT = {"sums": (500_000, 1_000_000, 0.45), "addition": (10_000, 20_000, 0.90), "ten_additions": (1000, 2000, 0.90)}

# generator, batch size: samples, at least so many times calt-x
AGAINST_CALT = {
    ("sums", 50_000): (100_000, 5.0),
    ("sums", 1000): (100_000, 5.0),
    ("addition", 5000): (10_000, 2.0),
    ("addition", 100): (10_000, 2.0),
    ("ten_additions", 500): (1000, 1.2),
    ("stragglers", 2500): (5000, 1.2),
    ("stragglers", 50): (5000, 1.2),
}


def measure(options: Options) -> list[Result]:
    """Return goals 1 and 2 of the throughput."""
    return [*against_limit(options), *against_calt(options), workflow_against_limit(options)]


def against_limit(options: Options) -> list[Result]:
    """Compare `DatasetPipeline.run()` with workers x bare loop."""
    results = []
    for name, (alone, pipelined, goal) in LIMIT.items():
        alone, pipelined = options.size(alone, alone // 50), options.size(pipelined, pipelined // 50)
        pairs = alternate(
            lambda name=name, count=alone: count / run("engine", "bare_loop", generator=name, count=count).value,
            lambda name=name, count=pipelined: count / _ours(name, count, max(1, count // 4)),
            options.repeats,
        )
        results.append(_of_limit(f"pipeline, {name}, {pipelined} samples", pairs, goal))
    return results


def against_calt(options: Options) -> list[Result]:
    """Compare `DatasetPipeline.run()` with calt-x's on the same generator, batch size and workers."""
    results = []
    for (name, batch_size), (count, goal) in AGAINST_CALT.items():
        count, batch_size = options.size(count, count // 50), options.size(batch_size, max(1, batch_size // 50))
        pairs = alternate(
            lambda name=name, count=count, size=batch_size: count / _ours(name, count, size),
            lambda name=name, count=count, size=batch_size: count / _pipeline("calt_pipeline", name, count, size),
            options.repeats,
        )
        results.append(
            Result(
                topic="engine",
                what=f"{name} against calt-x, batches of {batch_size}",
                judged=[ours / theirs for ours, theirs in pairs],
                at_least=goal,
                sides={"algebraset": [a for a, _ in pairs], "calt-x": [b for _, b in pairs]},
                sides_unit="samples/s",
            )
        )
    return results


def workflow_against_limit(options: Options) -> Result:
    """Compare the workflow, from the start of its first generate job to its end, with cores x bare loop."""
    alone = options.size(10_000, 200)
    rate = alone / run("engine", "bare_loop", generator="addition", count=alone).value
    seconds = 2.0 if options.quick else options.seconds
    count = max(4, int(rate * WORKERS * seconds))
    pairs = alternate(
        lambda: alone / run("engine", "bare_loop", generator="addition", count=alone).value,
        lambda: count / run_workflow(count),
        options.repeats,
    )
    return _of_limit(f"workflow, addition, {count} samples", pairs, 0.90)


def run_workflow(count: int) -> float:
    """Run the workflow on `count` samples in four batches; return the seconds from the start of the first generate job."""
    with scratch() as folder:
        dataset = {
            "generator": "benchmarks.generators:addition",
            "statistics": "benchmarks.generators:statistics",
            "save_dir": str(folder / "data"),
            "splits": {"train": count},
            "batch_size": -(-count // 4),
        }
        config = folder / "config.json"
        config.write_text(json.dumps({"dataset": dataset}))
        snakemake = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(WORKERS)]
        profile = ["--workflow-profile", str(ROOT / "profiles" / "default")]
        execute([*snakemake, *profile, "--configfile", str(config), "--quiet", "all"], cwd=folder)
        finished = time.time()
        # A job's log is opened when it starts, and stays empty.
        return finished - min(path.stat().st_mtime for path in Path(folder, "data/logs/generate/train").glob("*.log"))


def _ours(generator: str, count: int, batch_size: int) -> float:
    return _pipeline("our_pipeline", generator, count, batch_size)


def _pipeline(side: str, generator: str, count: int, batch_size: int) -> float:
    with scratch() as folder:
        data = str(folder / "data")
        arguments = {"generator": generator, "count": count, "batch_size": batch_size, "save_dir": data}
        return run("engine", side, **arguments).value


def _of_limit(what: str, pairs: list[tuple[float, float]], goal: float) -> Result:
    return Result(
        topic="engine",
        what=f"{what}, share of {WORKERS} x bare loop",
        judged=[reached / (WORKERS * alone) for alone, reached in pairs],
        at_least=goal,
        sides={"bare loop, 1 process": [a for a, _ in pairs], f"algebraset, {WORKERS} workers": [b for _, b in pairs]},
        sides_unit="samples/s",
    )


def bare_loop(generator: str, count: int) -> float:
    """Return the seconds of calling a generator with the seeds of a dataset, which are made beforehand."""
    from algebraset.seeds import sample_seed

    generate = getattr(generators, generator)
    seeds = [sample_seed(42, "train", index) for index in range(count)]
    generate(seeds[0])
    begin = time.perf_counter()
    for seed in seeds:
        generate(seed)
    return time.perf_counter() - begin


def our_pipeline(generator: str, count: int, batch_size: int, save_dir: str) -> float:
    """Return the seconds of algebraset's `DatasetPipeline.run()`, the start of its workers included."""
    import sympy  # noqa: F401  (not part of the run, for either side)

    from algebraset import DatasetPipeline

    pipeline = DatasetPipeline(**_arguments(generator, count, batch_size, save_dir))
    begin = time.perf_counter()
    pipeline.run()
    return time.perf_counter() - begin


def calt_pipeline(generator: str, count: int, batch_size: int, save_dir: str) -> float:
    """Return the seconds of calt-x's `DatasetPipeline.run()`."""
    import sympy  # noqa: F401

    from benchmarks import peers

    peers.calt("dataset.sympy.dataset_generator")
    begin = time.perf_counter()
    peers.calt_pipeline(**_arguments(generator, count, batch_size, save_dir))
    return time.perf_counter() - begin


def _arguments(generator: str, count: int, batch_size: int, save_dir: str) -> dict[str, Any]:
    os.makedirs(save_dir)
    return {
        "instance_generator": getattr(generators, generator),
        "statistics_calculator": generators.statistics,
        "save_dir": save_dir,
        "save_text": True,
        "save_json": True,
        "num_train_samples": count,
        "num_test_samples": 1,  # calt-x takes no less
        "batch_size": batch_size,
        "n_jobs": WORKERS,
        "root_seed": 42,
        "verbose": False,
        "backend": "sympy",
    }
