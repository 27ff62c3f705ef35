"""Per sample: where the time goes.

First in the loop that makes samples, by switching its parts on one after the other. Then in whole runs with workers,
whose cores' time (the run's seconds times the workers) is divided among the samples: of the API and of the workflow.
"""

from __future__ import annotations

import dataclasses
import json
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

from benchmarks.engine import GENERATOR, WORKFLOW, run_workflow
from benchmarks.harness import WORKERS, Options, Result, run, scratch, seconds
from benchmarks.jobs import SUMS

# generator and statistics by config key, and how many samples
CASES = {
    "sums": (SUMS, 20_000),
    "polynomial_addition": ({"generator": "polynomial_addition", "statistics": "polynomial_addition"}, 1000),
    "factorization": (SUMS | {"generator": "benchmarks.generators:factorization"}, 500),
}

# samples of whole runs, by generator: as many as in the comparison with calt-x, where it has them
RUNS = {"sums": 1_000_000, "addition": 50_000, "ten_additions": 6000, "factorization": 16_000}
WORKFLOW_SAMPLES = 40_000  # about two minutes

# What is on, of a recipe's fields: statistics, save_text, save_json.
STAGES = {
    "seed, call, clock, JSON line, digest": (False, False, True),
    "text line": (False, True, True),
    "statistics": (True, True, True),
}


def measure(options: Options) -> list[Result]:
    """Return microseconds per sample of the generator and of what each part adds; this explains the others."""
    results = []
    for name, (functions, count) in CASES.items():
        size = {"count": options.size(count, count // 10), "repeats": options.repeats}
        runs = run("per_sample", "costs", functions=functions, **size).value
        for part in runs[0]:
            results.append(Result(f"{name}: {part}", [measured[part] for measured in runs], unit="us"))
    return [*results, *whole_runs(options), *workflow_runs(options)]


def whole_runs(options: Options) -> list[Result]:
    """Return microseconds of the cores per sample of `DatasetPipeline.run()`, and what they go to."""
    results = []
    for name, count in RUNS.items():
        count = options.size(count, count // 100)
        runs = []
        for _ in range(options.repeats):
            with scratch() as folder:
                runs.append(run("per_sample", "whole_run", generator=name, count=count, save_dir=str(folder)).value)
        for part in runs[0]:
            what = f"{name}, run of {count:,} samples with {WORKERS} workers: {part}"
            results.append(Result(what, [measured[part] for measured in runs], unit="us"))
    return results


def workflow_runs(options: Options) -> list[Result]:
    """Return microseconds of the cores per sample of the workflow, from its first job on, and what they go to."""
    count = options.size(WORKFLOW_SAMPLES, 40)
    runs = [run_workflow(WORKFLOW, count) for _ in range(options.repeats)]
    runs = [parts | {"all": sum(parts.values())} for parts in runs]
    what = f"{WORKFLOW}, workflow of {count:,} samples on {WORKERS} cores"
    return [Result(f"{what}: {part}", [1e6 * parts[part] / count for parts in runs], unit="us") for part in runs[0]]


def whole_run(generator: str, count: int, save_dir: str) -> dict[str, float]:
    """Return the microseconds of the cores per sample that a run takes, and what they go to."""
    import sympy  # noqa: F401 (no part of the run, as in the topic of the engine)

    from algebraset import DatasetPipeline
    from algebraset import pipeline as runs
    from algebraset.workers import Pace
    from benchmarks import generators

    reached: dict[str, float] = {}

    def noting(what: str, original: Any) -> Any:
        def call(*arguments: Any) -> Any:
            reached.setdefault(what, time.perf_counter())
            return original(*arguments)

        return call

    settings = {"save_dir": save_dir, "splits": {"train": count}, "batch_size": count // 4, "verbose": False}
    pipeline = DatasetPipeline(
        getattr(generators, generator), generators.statistics, n_jobs=WORKERS, backend="sympy", **settings
    )
    started = time.perf_counter()
    with (
        patch.object(Pace, "record", noting("samples", Pace.record)),
        patch.object(runs, "concatenate", noting("collecting", runs.concatenate)),
    ):
        pipeline.run()
    finished = time.perf_counter()
    timing = json.loads(Path(save_dir, "statistics.json").read_text())["timing"]["train"]
    each = 1e6 * WORKERS / count  # of a second of the run
    generator_and_seed = 1e6 * timing["generation_time"]["mean"]
    parts = {
        GENERATOR: generator_and_seed,
        "start of the workers, to the first samples": each * (reached["samples"] - started),
        "text, JSON, statistics, writing, waiting": each * (reached["collecting"] - reached["samples"])
        - generator_and_seed,
        "collecting, in one process": each * (finished - reached["collecting"]),
    }
    return parts | {"all": sum(parts.values())}


def costs(functions: dict[str, str], count: int, repeats: int) -> list[dict[str, float]]:
    """Return the microseconds per sample of the generator, of what each stage adds to the one before, and of all."""
    from algebraset.config import resolve_dataset
    from algebraset.generate import load_recipe, make_samples
    from algebraset.seeds import sample_seed

    whole = load_recipe(resolve_dataset({**functions, "splits": {"train": count}}))
    stages = {}
    for name, (statistics, save_text, save_json) in STAGES.items():
        function = whole.statistics if statistics else None
        stages[name] = dataclasses.replace(whole, statistics=function, save_text=save_text, save_json=save_json)
    seeds = [sample_seed(42, "train", index) for index in range(count)]
    runs = []
    for _ in range(repeats + 1):
        before = 1e6 * seconds(lambda: [whole.generate(seed) for seed in seeds]) / count
        measured = {"the generator": before}
        for name, recipe in stages.items():
            after = 1e6 * seconds(lambda r=recipe: make_samples(r, "train", 0, count, probe=False)) / count
            measured[name], before = after - before, after
        runs.append(measured | {"all": before})
    return runs[1:]  # the first one warms up
