"""Engine: `DatasetPipeline.run()` and the workflow against the limit, what a bare loop over the generator makes.

The limit is 2 x the bare loop: the same generator in a plain loop in one process, times the workers.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import generators
from benchmarks.harness import ROOT, WORKERS, Options, Result, alternate, compare, execute, run, scratch, seconds

# generator: samples, at least so much of the limit. There are goals for generators of about a millisecond and more and
# for the cheapest; an addition takes half a millisecond.
LIMITS = {
    "sums": (2_000_000, 0.45),
    "addition": (100_000, None),
    "ten_additions": (10_000, 0.90),
    "factorization": (60_000, 0.90),
}

# The workflow's dataset: one "that runs two minutes", of a generator of more than a millisecond.
WORKFLOW = "ten_additions"
SECONDS = 120
BATCHES = 6

GENERATOR = "generator and seed, by the clock in the workers"


def measure(options: Options) -> list[Result]:
    """Compare samples per second with those of the limit."""
    results = []
    for name, (count, goal) in LIMITS.items():
        count = options.size(count, count // 100)
        whole_run = functools.partial(pipeline, name, count, max(1, count // 4), side="ours_divided")
        results += _against_limit("`DatasetPipeline.run()`", whole_run, name, count, goal, options.repeats)
    return [*results, *workflow(WORKFLOW, options)]


def _against_limit(
    who: str, whole_run: Callable[[], tuple[float, float]], name: str, count: int, goal: float | None, repeats: int
) -> list[Result]:
    """Compare runs with the limit; each returns its seconds and the generator's share of the cores' time in these.

    The share of the limit is the product of the generator's share of the cores' time and of its speed there. How fast
    it can be, two bare loops at once show. Each bare loop makes half of the run's samples: a short one
    would have the speed of another moment, since that changes within seconds.
    """
    alone = count // WORKERS
    values = alternate(
        {
            "run": whole_run,
            "limit": lambda: WORKERS * alone / loop(name, alone),
            "two loops at once": lambda: WORKERS * alone / loop(name, alone, WORKERS),
        },
        repeats,
    )
    what, limit = f"{name}, {count:,} samples", values["limit"]
    reached = _share(f"{who}, {what}", {"run": [count / taken for taken, _ in values["run"]], "limit": limit}, goal)
    both = {"two loops at once": values["two loops at once"], "limit": limit}
    shares = [own for _, own in values["run"]]
    speeds = [judged / own for judged, own in zip(reached.judged, shares, strict=True)]
    return [
        reached,
        Result(f"{who}, {what}: the generator's share of the cores' time", shares),
        Result(f"{who}, {what}: the generator's speed there, of its speed in the limit", speeds),
        _share(f"what this machine gives: bare loops of {what} in {WORKERS} processes", both, None),
    ]


def _share(what: str, rates: dict[str, list[float]], goal: float | None) -> Result:
    return compare(f"{what}, share of the limit", "samples/s", rates, more_is_better=True, at_least=goal)


def workflow(generator: str, options: Options) -> list[Result]:
    """Compare the workflow on two cores, from the start of its first job to its end, with the limit."""
    some, goal = options.size(2000, 40), LIMITS[generator][1]
    count = int(WORKERS * some / loop(generator, some) * options.size(SECONDS, 1))

    def whole_run() -> tuple[float, float]:
        parts = run_workflow(generator, count)
        cores = sum(parts.values())
        return cores / WORKERS, parts[GENERATOR] / cores

    return _against_limit("workflow", whole_run, generator, count, goal, options.repeats)


def run_workflow(generator: str, count: int) -> dict[str, float]:
    """Run the workflow on `count` samples, with a worker a core.

    Returns:
        The cores' seconds from the start of its first job to its end, by what they went to.
    """
    with scratch() as folder:
        dataset = {
            "generator": f"benchmarks.generators:{generator}",
            "statistics": "benchmarks.generators:statistics",
            "save_dir": "data",
            "splits": {"train": count},
            "batch_size": -(-count // BATCHES),
            "keep_shards": True,  # their clocks are read below
        }
        config = folder / "config.json"
        config.write_text(json.dumps({"dataset": dataset}))
        command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", str(WORKERS)]
        execute([*command, "--configfile", str(config), "--quiet", "all"], cwd=folder)
        return _divide(folder / "data", count, finished=time.time())


def _divide(data: Path, count: int, finished: float) -> dict[str, float]:
    """Return what the cores' seconds of a run of the workflow went to, by the clocks in its logs and shards."""
    logs = data / "logs"
    started = {path.relative_to(logs): path.stat().st_mtime for path in logs.rglob("*.log")}  # opened then, and empty
    generate = sorted(begin for path, begin in started.items() if path.parts[0] == "generate")
    collect = min(begin for path, begin in started.items() if path.parts[0] in ("concatenate", "statistics.log"))
    headers = [path.read_bytes().splitlines()[0] for path in data.glob("shards/train/0*/sidecar")]
    clocks = [json.loads(header)["timing"] for header in headers]
    samples = sum(clock["finished"] - clock["started"] for clock in clocks)
    ends = sorted(clock["finished"] for clock in clocks)
    made = (logs / "manifest.tsv").stat().st_mtime  # Snakemake writes it when the last job has ended
    own, wait = _generator_seconds(data, count), ends[-1] - ends[-WORKERS]
    starts = sum(clock["started"] for clock in clocks) - sum(generate)
    return {
        GENERATOR: own,
        "the first sample, before other jobs": WORKERS * (generate[0] - min(started.values())),
        "start of the generate jobs, to their first samples": starts,
        "text, JSON, statistics, writing": samples - own,
        "between the jobs": WORKERS * (collect - generate[0]) - starts - samples - wait,
        "one core waiting for the last job": wait,
        "collecting": WORKERS * (made - collect),
        "Snakemake's end, after the last job": WORKERS * (finished - made),
    }


def _generator_seconds(data: Path, count: int) -> float:
    """Return the seconds of all calls of the generator, by what the clock said around each."""
    return count * json.loads((data / "statistics.json").read_text())["timing"]["train"]["generation_time"]["mean"]


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
    return taken, _generator_seconds(Path(dataset["save_dir"]), dataset["count"]) / (WORKERS * taken)


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
