"""Engine: `DatasetPipeline.run()` against the limit, what a bare loop over the generator makes.

The limit is 2 x the bare loop: the same generator in a plain loop in one process, times the workers.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks import divided, generators
from benchmarks.harness import WORKERS, Options, Result, alternate, compare, run, scratch, seconds

# generator: samples, at least so much of the limit. There are goals for generators of about a millisecond and more and
# for the cheapest; an addition takes half a millisecond. Where the goal is 0.90, a run takes long enough for the start
# of the workers, a second where they import SymPy, to be little of it.
LIMITS = {
    "sums": (2_000_000, 0.45),
    "addition": (60_000, None),
    "ten_additions": (32_000, 0.90),
    "factorization": (140_000, 0.90),
}


def measure(options: Options) -> list[Result]:
    """Compare samples per second with those of the limit, and say what the runs' time went to."""
    results = []
    for name, (count, goal) in LIMITS.items():
        count = options.size(count, count // 100)
        whole_run = functools.partial(divided.pipeline, name, count)
        results += against_limit("`DatasetPipeline.run()`", whole_run, name, count, goal, options.repeats)
    return results


def against_limit(
    who: str, whole_run: Callable[[], dict[str, float]], name: str, count: int, goal: float | None, repeats: int
) -> list[Result]:
    """Compare runs with the limit; each returns the cores' seconds by what they went to.

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
    what, limit, runs = f"{name}, {count:,} samples", values["limit"], values["run"]
    cores = [sum(parts.values()) for parts in runs]
    rates = {"run": [count / (taken / WORKERS) for taken in cores], "limit": limit}
    reached = _share(f"{who}, {what}", rates, goal)
    both = {"two loops at once": values["two loops at once"], "limit": limit}
    shares = {part: [parts[part] / taken for parts, taken in zip(runs, cores, strict=True)] for part in runs[0]}
    speeds = [judged / own for judged, own in zip(reached.judged, shares[divided.GENERATOR], strict=True)]
    return [
        reached,
        *(Result(f"{who}, {what}, share of the cores' time: {part}", share) for part, share in shares.items()),
        Result(f"{who}, {what}: the generator's speed there, of its speed in the limit", speeds),
        _share(f"what this machine gives: bare loops of {what} in {WORKERS} processes", both, None),
        compare(
            f"{who}, {what}, share of what two bare loops at once reach",
            "samples/s",
            {"run": rates["run"], "two loops at once": values["two loops at once"]},
            more_is_better=True,
        ),
    ]


def _share(what: str, rates: dict[str, list[float]], goal: float | None) -> Result:
    return compare(f"{what}, share of the limit", "samples/s", rates, more_is_better=True, at_least=goal)


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

    generate = generators.named(generator)
    seeds = [sample_seed(42, "train", index) for index in range(count)]
    generate(seeds[0])

    def calls() -> None:
        for seed in seeds:
            generate(seed)

    return seconds(calls)


def pipeline(generator: str, count: int, batch_size: int, n_jobs: int = WORKERS, side: str = "ours") -> float:
    """Return the seconds of one of the two functions below, in a fresh process."""
    with scratch() as folder:
        dataset = {"count": count, "batch_size": batch_size, "n_jobs": n_jobs, "save_dir": str(folder / "data")}
        return run("engine", side, generator=generator, **dataset).value


def ours(**dataset: Any) -> float:
    """Return the seconds of algebraset's `DatasetPipeline.run()`, the start of its workers included."""
    import sympy  # noqa: F401 (no part of the run, for neither side)

    from algebraset import DatasetPipeline

    arguments = _arguments(**dataset)
    return seconds(lambda: DatasetPipeline(**arguments).run())


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
        "instance_generator": generators.named(generator),
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
