"""Engine: `DatasetPipeline.run()` and the workflow against the limit, what a bare loop over the generator makes.

The limit is 2 x the bare loop: the same generator in a plain loop in one process, times the workers.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import generators
from benchmarks.harness import ROOT, WORKERS, Options, Result, alternate, compare, execute, run, scratch, seconds

# generator: samples of the bare loop, of ours against it, at least so much of the limit. There are goals for generators
# of about a millisecond and more and for the cheapest; an addition takes half a millisecond.
LIMITS = {
    "sums": (1_000_000, 2_000_000, 0.45),
    "addition": (20_000, 100_000, None),
    "ten_additions": (2000, 10_000, 0.90),
    "factorization": (5000, 60_000, 0.90),
}

# The workflow's dataset: one "that runs two minutes", of a generator of more than a millisecond.
WORKFLOW = "ten_additions"
SECONDS = 120
BATCHES = 6


def measure(options: Options) -> list[Result]:
    """Compare samples per second with those of the limit."""
    results = []
    for name, (alone, pipelined, goal) in LIMITS.items():
        alone, pipelined = options.size(alone, alone // 50), options.size(pipelined, pipelined // 100)
        sides = {
            "pipeline": lambda n=name, count=pipelined: count / pipeline(n, count, max(1, count // 4)),
            "limit": lambda n=name, count=alone: WORKERS * count / loop(n, count),
            "two loops at once": lambda n=name, count=alone: WORKERS * count / loop(n, count, WORKERS),
        }
        rates = alternate(sides, options.repeats)
        both = rates.pop("two loops at once")
        results.append(_share(f"`DatasetPipeline.run()`, {name}, {pipelined:,} samples", rates, goal))
        rates = {"two loops at once": both, "limit": rates["limit"]}
        results.append(_share(f"what this machine gives: bare loops of {name} in {WORKERS} processes", rates, None))
    return [*results, *workflow(WORKFLOW, options)]


def _share(what: str, rates: dict[str, list[float]], goal: float | None) -> Result:
    return compare(f"{what}, share of the limit", "samples/s", rates, more_is_better=True, at_least=goal)


def workflow(generator: str, options: Options) -> list[Result]:
    """Compare the workflow on two cores, from the start of its first job to its end, with the limit.

    Two bare loops that run as long as the workflow show what the machine gives over that time; the share of the cores'
    time that the generator has in the workflow depends little on how fast these are at the moment.
    """
    alone, _, goal = LIMITS[generator]
    alone = options.size(alone, alone // 50)
    count = int(WORKERS * alone / loop(generator, alone) * options.size(SECONDS, 1))
    sides = {
        "workflow": lambda: run_workflow(generator, count),
        "limit": lambda: WORKERS * alone / loop(generator, alone),
        "two loops at once": lambda: WORKERS * (count // WORKERS) / loop(generator, count // WORKERS, WORKERS),
    }
    values = alternate(sides, options.repeats)
    rates = {"workflow": [count / taken for taken, _ in values["workflow"]], "limit": values["limit"]}
    both = {"two loops at once": values["two loops at once"], "limit": values["limit"]}
    name = f"{generator}, {count:,} samples"
    return [
        _share(f"workflow, {name}", rates, goal),
        _share(f"what this machine gives over that time: bare loops of {name} in {WORKERS} processes", both, None),
        Result(f"workflow, {name}: the generator's share of the cores' time", [own for _, own in values["workflow"]]),
    ]


def run_workflow(generator: str, count: int) -> tuple[float, float]:
    """Run the workflow on `count` samples, with a worker a core.

    Returns:
        The seconds from the start of its first job to its end, and the generator's share of the cores' time in these.
    """
    with scratch() as folder:
        dataset = {
            "generator": f"benchmarks.generators:{generator}",
            "statistics": "benchmarks.generators:statistics",
            "save_dir": "data",
            "splits": {"train": count},
            "batch_size": -(-count // BATCHES),
        }
        config = folder / "config.json"
        config.write_text(json.dumps({"dataset": dataset}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(WORKERS)]
        execute([*command, "--configfile", str(config), "--quiet", "all"], cwd=folder)
        finished = time.time()
        # A job's log is opened when it starts, and stays empty.
        taken = finished - min(path.stat().st_mtime for path in Path(folder, "data", "logs").rglob("*.log"))
        timing = json.loads(Path(folder, "data", "statistics.json").read_text())["timing"]["train"]
        return taken, count * timing["generation_time"]["mean"] / (WORKERS * taken)


def loop(generator: str, count: int, processes: int = 1) -> float:
    """Return the seconds of a bare loop over a generator; with several processes, of the slowest of them."""
    return run("engine", "bare_loops", generator=generator, count=count, processes=processes).value


def bare_loops(generator: str, count: int, processes: int) -> float:
    """Run the bare loop in this process or, all at the same time, in several."""
    if processes == 1:
        return bare_loop(generator, count)
    from multiprocessing import get_context

    with get_context("spawn").Pool(processes) as pool:
        pool.starmap(bare_loop, [(generator, 1)] * processes)  # the imports
        return max(pool.starmap(bare_loop, [(generator, count)] * processes, chunksize=1))


def bare_loop(generator: str, count: int) -> float:
    """Return the seconds of calling a generator with the seeds of a dataset, which are made beforehand."""
    from algebraset.seeds import sample_seed

    generate = getattr(generators, generator)
    seeds = [sample_seed(42, "train", index) for index in range(count)]
    generate(seeds[0])

    def calls() -> None:
        for seed in seeds:
            generate(seed)

    return seconds(calls)


def pipeline(generator: str, count: int, batch_size: int, n_jobs: int = WORKERS, side: str = "ours") -> float:
    """Return the seconds that a `DatasetPipeline.run()` takes in a fresh process."""
    with scratch() as folder:
        dataset = {"count": count, "batch_size": batch_size, "n_jobs": n_jobs, "save_dir": str(folder / "data")}
        return run("engine", side, generator=generator, **dataset).value


def ours(**dataset: Any) -> float:
    """Return the seconds of algebraset's `DatasetPipeline.run()`, the start of its workers included."""
    import sympy  # noqa: F401 (no part of the run, for neither side)

    from algebraset import DatasetPipeline

    return seconds(DatasetPipeline(**_arguments(**dataset)).run)


def theirs(**dataset: Any) -> float:
    """Return the seconds of calt-x's `DatasetPipeline.run()`."""
    import sympy  # noqa: F401

    from benchmarks import peers

    peers.calt("dataset.sympy.dataset_generator")
    arguments = _arguments(**dataset)
    return seconds(lambda: peers.calt_run(**arguments))


def _arguments(generator: str, count: int, batch_size: int, n_jobs: int, save_dir: str) -> dict[str, Any]:
    Path(save_dir).mkdir()
    return {
        "instance_generator": getattr(generators, generator),
        "statistics_calculator": generators.statistics,
        "save_dir": save_dir,
        "save_text": True,
        "save_json": True,
        "num_train_samples": count,
        "num_test_samples": 1,  # calt-x takes no less
        "batch_size": batch_size,
        "n_jobs": n_jobs,
        "root_seed": 42,
        "verbose": False,
        "backend": "sympy",
    }
