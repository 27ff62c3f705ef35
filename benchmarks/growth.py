"""Growth: how the cost of `DatasetPipeline.run()` grows with samples, workers and batches, for the cheapest samples."""

from __future__ import annotations

from benchmarks.engine import pipeline
from benchmarks.harness import Options, Result, alternate, compare

SAMPLES = 100_000

BASE = f"{SAMPLES:,} sums in one batch by two workers"

# what changes: samples, batch size and workers
CASES = {
    "a tenth of the samples": (SAMPLES // 10, SAMPLES // 10, 2),
    "one worker": (SAMPLES, SAMPLES, 1),
    "four workers": (SAMPLES, SAMPLES, 4),
    "100 batches": (SAMPLES, SAMPLES // 100, 2),
    "1,000 batches": (SAMPLES, SAMPLES // 1000, 2),
}


def measure(options: Options) -> list[Result]:
    """Compare the time per sample; no goals, this explains the others."""
    scale = options.size(1, 100)
    cases = {BASE: (SAMPLES, SAMPLES, 2), **CASES}
    sides = {
        name: lambda c=count, s=size, n=n_jobs: _per_sample(c // scale, max(1, s // scale), n)
        for name, (count, size, n_jobs) in cases.items()
    }
    times = alternate(sides, options.repeats)
    return [compare(f"{name}, over {BASE}", "us", {BASE: times[BASE], name: times[name]}) for name in CASES]


def _per_sample(count: int, batch_size: int, n_jobs: int) -> float:
    return 1e6 * pipeline("sums", count, batch_size, n_jobs) / count
