"""Per sample: where the time goes in the loop that makes samples, by switching its parts on one after the other."""

from __future__ import annotations

import dataclasses
from time import perf_counter

from benchmarks import generators
from benchmarks.divided import GENERATOR
from benchmarks.harness import Options, Result, run
from benchmarks.jobs import SUMS

# generator and statistics by config key, and how many samples: a chunk of about the size that workers get
CASES = {
    "sums": (SUMS, 5000),
    "polynomial_addition": ({"generator": "polynomial_addition", "statistics": "polynomial_addition"}, 2500),
    "factorization": (SUMS | {"generator": generators.path("factorization")}, 200),
}

CHUNKS = 8
"""Chunks in a measurement."""

# What is on, of a recipe's fields: statistics, save_text, save_json.
STAGES = {
    "seed, loop, JSON line, digest": (False, False, True),
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

    whole = load_recipe(resolve_dataset({**functions, "splits": {"train": count}}))
    stages = {}
    for name, (statistics, save_text, save_json) in STAGES.items():
        function = whole.statistics if statistics else None
        stages[name] = dataclasses.replace(whole, statistics=function, save_text=save_text, save_json=save_json)
    runs, samples = [], CHUNKS * count
    for _ in range(repeats + 1):
        parts, before = {}, 0.0
        for name, recipe in stages.items():
            begin = perf_counter()
            own = 0.0
            for start in range(0, samples, count):
                own += make_samples(recipe, "train", start, start + count, probe=False).generation_time.total
            # The generator's part is left out: it differs more from run to run than the rest is.
            rest = perf_counter() - begin - own
            parts[name], before = 1e6 * (rest - before) / samples, rest
        runs.append({GENERATOR: 1e6 * own / samples} | parts | {"all": 1e6 * (own + rest) / samples})
    return runs[1:]  # the first one warms up
