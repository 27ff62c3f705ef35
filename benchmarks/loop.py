"""Loop: the loop that makes samples in a worker against a bare loop, by short turns, so that slow drift meets both.

What a whole run reaches (the topics on the engine) goes up and down with the machine's speed. Here two processes do the
same at the same time, with the same seeds on both sides, for a second or less. What changes faster than that remains.
"""

from __future__ import annotations

from time import perf_counter

from benchmarks import generators
from benchmarks.divided import GENERATOR
from benchmarks.harness import WORKERS, Options, Result, compare, run
from benchmarks.jobs import SUMS

# generator: samples of a chunk, about as many as workers get
CHUNKS = {"sums": 5000, "ten_additions": 40, "factorization": 160}

CHUNKS_A_TURN = 5
TURNS = 16
"""Turns of each side that one value is made of; an even number, so that each comes first as often."""


def measure(options: Options) -> list[Result]:
    """Compare the loop with a bare one, and say what its time goes to; this explains the topics on the engine."""
    results = []
    for name, chunk in CHUNKS.items():
        size = {"chunk": options.size(chunk, 10), "turns": options.size(TURNS, 2), "repeats": options.repeats}
        taken = run("loop", "by_turns", generator=name, **size).value
        samples = size["chunk"] * CHUNKS_A_TURN * size["turns"] * WORKERS
        rates = {side: [samples * WORKERS / seconds for seconds in taken[side]] for side in ("loop", "bare loop")}
        shares = [inside / whole for inside, whole in zip(taken["inside"], taken["loop"], strict=True)]
        speeds = [bare / inside for bare, inside in zip(taken["bare loop"], taken["inside"], strict=True)]
        results += [
            compare(f"{name}: the loop's speed, of the bare loop's", "samples/s", rates, more_is_better=True),
            Result(f"{name}, share of the loop's time: {GENERATOR}", shares),
            Result(f"{name}: the generator's speed in the loop, of its speed in the bare loop", speeds),
        ]
    return results


def by_turns(generator: str, chunk: int, turns: int, repeats: int) -> dict[str, list[float]]:
    """Run both loops in two processes.

    Returns:
        The seconds of both processes together, a value a repetition, in the loop that makes samples, inside the
        generator there, and in the bare loop.
    """
    from multiprocessing import get_context

    taken: dict[str, list[float]] = {"loop": [], "inside": [], "bare loop": []}
    block = chunk * CHUNKS_A_TURN
    with get_context("spawn").Pool(WORKERS, _load, (generator,)) as pool:
        pool.map(_loop, [(0, chunk)] * WORKERS, chunksize=1)  # the imports
        for repeat in range(repeats):
            totals = dict.fromkeys(taken, 0.0)
            for turn in range(repeat * turns, (repeat + 1) * turns):
                blocks = [(block * (WORKERS * turn + worker), chunk) for worker in range(WORKERS)]
                for side in (_loop, _bare_loop) if turn % 2 == 0 else (_bare_loop, _loop):
                    for seconds in pool.map(side, blocks, chunksize=1):
                        for what, spent in seconds.items():
                            totals[what] += spent
            for what, total in totals.items():
                taken[what].append(total)
    return taken


def _load(generator: str) -> None:
    """Prepare a process as `algebraset.workers` does."""
    global _generate, _recipe

    from algebraset.config import resolve_dataset
    from algebraset.generate import load_recipe
    from algebraset.workers import loading

    functions = SUMS | {"generator": generators.path(generator)}
    with loading():
        _generate = generators.named(generator)
        _recipe = load_recipe(resolve_dataset(functions | {"splits": {"train": 1}, "root_seed": 42}))


def _bare_loop(block: tuple[int, int]) -> dict[str, float]:
    from algebraset.seeds import sample_seed

    start, chunk = block
    seeds = [sample_seed(42, "train", index) for index in range(start, start + chunk * CHUNKS_A_TURN)]
    begin = perf_counter()
    for seed in seeds:
        _generate(seed)
    return {"bare loop": perf_counter() - begin}


def _loop(block: tuple[int, int]) -> dict[str, float]:
    from algebraset.generate import make_samples

    start, chunk = block
    begin, inside = perf_counter(), 0.0
    for first in range(start, start + chunk * CHUNKS_A_TURN, chunk):
        inside += make_samples(_recipe, "train", first, first + chunk, probe=False).generation_time.total
    return {"loop": perf_counter() - begin, "inside": inside}
