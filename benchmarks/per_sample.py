"""Per sample: where the time goes in the loop that makes samples, by switching its parts on one after the other."""

from __future__ import annotations

import dataclasses

from benchmarks.harness import Options, Result, run, seconds
from benchmarks.jobs import SUMS

# generator and statistics by config key, and how many samples
CASES = {
    "sums": (SUMS, 20_000),
    "polynomial_addition": ({"generator": "polynomial_addition", "statistics": "polynomial_addition"}, 1000),
}

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
    return results


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
