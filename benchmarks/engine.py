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
            "pipeline": lambda n=name, count=pipelined: pipeline(n, count, max(1, count // 4), side="ours_divided"),
            "limit": lambda n=name, count=alone: WORKERS * count / loop(n, count),
            "two loops at once": lambda n=name, count=alone: WORKERS * count / loop(n, count, WORKERS),
        }
        what = f"`DatasetPipeline.run()`, {name}, {pipelined:,} samples"
        machine = f"what this machine gives: bare loops of {name} in {WORKERS} processes"
        results += _results("pipeline", what, machine, alternate(sides, options.repeats), pipelined, goal)
    return [*results, *workflow(WORKFLOW, options)]


def _results(
    side: str, what: str, machine: str, values: dict[str, list[Any]], count: int, goal: float | None
) -> list[Result]:
    """Compare runs with the limit; what is known of them is their seconds and the generator's share of these.

    Two bare loops at once show what the machine gives. The generator's share of the cores' time depends little on how
    fast these are at the moment.
    """
    limit = values["limit"]
    rates = {side: [count / taken for taken, _ in values[side]], "limit": limit}
    both = {"two loops at once": values["two loops at once"], "limit": limit}
    return [
        _share(what, rates, goal),
        _share(machine, both, None),
        Result(f"{what}: the generator's share of the cores' time", [own for _, own in values[side]]),
    ]


def _share(what: str, rates: dict[str, list[float]], goal: float | None) -> Result:
    return compare(f"{what}, share of the limit", "samples/s", rates, more_is_better=True, at_least=goal)


def workflow(generator: str, options: Options) -> list[Result]:
    """Compare the workflow on two cores, from the start of its first job to its end, with the limit.

    The two bare loops run as long as the workflow.
    """
    alone, _, goal = LIMITS[generator]
    alone = options.size(alone, alone // 50)
    count = int(WORKERS * alone / loop(generator, alone) * options.size(SECONDS, 1))
    sides = {
        "workflow": lambda: run_workflow(generator, count),
        "limit": lambda: WORKERS * alone / loop(generator, alone),
        "two loops at once": lambda: WORKERS * (count // WORKERS) / loop(generator, count // WORKERS, WORKERS),
    }
    name = f"{generator}, {count:,} samples"
    machine = f"what this machine gives over that time: bare loops of {name} in {WORKERS} processes"
    return _results("workflow", f"workflow, {name}", machine, alternate(sides, options.repeats), count, goal)


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
        return taken, _own_share(folder / "data", count, taken)


def _own_share(data: Path, count: int, taken: float) -> float:
    """Return the generator's share of the cores' time, by what the clock said around each call."""
    timing = json.loads((data / "statistics.json").read_text())["timing"]["train"]
    return count * timing["generation_time"]["mean"] / (WORKERS * taken)


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


def pipeline(generator: str, count: int, batch_size: int, n_jobs: int = WORKERS, side: str = "ours") -> Any:
    """Return what one of the functions below returns, in a fresh process."""
    with scratch() as folder:
        dataset = {"count": count, "batch_size": batch_size, "n_jobs": n_jobs, "save_dir": str(folder / "data")}
        return run("engine", side, generator=generator, **dataset).value


def ours(**dataset: Any) -> float:
    """Return the seconds of algebraset's `DatasetPipeline.run()`, the start of its workers included."""
    import sympy  # noqa: F401 (no part of the run, for neither side)

    from algebraset import DatasetPipeline

    return seconds(DatasetPipeline(**_arguments(**dataset)).run)


def ours_divided(**dataset: Any) -> tuple[float, float]:
    """Return the seconds of `ours`, and the generator's share of the cores' time in these."""
    taken = ours(**dataset)
    return taken, _own_share(Path(dataset["save_dir"]), dataset["count"], taken)


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
