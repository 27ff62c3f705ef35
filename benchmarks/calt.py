"""Against calt-x: `DatasetPipeline.run()` of both, same generator, batch size, workers, formats and statistics.

Beside each comparison stands how much faster than calt-x the limit is, which nothing can exceed.
"""

from __future__ import annotations

from benchmarks.engine import loop, pipeline
from benchmarks.harness import WORKERS, Options, Result, alternate, compare

# generator, batch size: samples, at least so many times calt-x
CASES = {
    ("sums", 100_000): (1_000_000, 5.0),
    ("sums", 2000): (300_000, 5.0),
    ("addition", 5000): (50_000, 2.0),
    ("addition", 100): (15_000, 2.0),
    ("ten_additions", 500): (12_000, 1.2),
    ("stragglers", 2500): (30_000, 1.2),
    ("stragglers", 50): (10_000, 1.2),
}


def measure(options: Options) -> list[Result]:
    """Compare samples per second."""
    results = []
    for (name, size), (count, goal) in CASES.items():
        size, count = options.size(size, max(2, size // 100)), options.size(count, count // 100)
        alone = count // WORKERS
        sides = {
            "algebraset": lambda n=name, s=size, c=count: c / pipeline(n, c, s),
            "calt-x": lambda n=name, s=size, c=count: c / pipeline(n, c, s, side="theirs"),
            "limit": lambda n=name, c=alone: WORKERS * c / loop(n, c),
        }
        what = f"{name}, {count:,} samples, batches of {size:,}"
        rates = alternate(sides, options.repeats)
        limit = {"limit": rates.pop("limit"), "calt-x": rates["calt-x"]}
        results.append(compare(what, "samples/s", rates, more_is_better=True, at_least=goal))
        results.append(compare(f"{what}: the limit over calt-x", "samples/s", limit, more_is_better=True))
    return results
