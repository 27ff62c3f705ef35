"""Engine, through the workflow: from the start of its first job to its end, against the limit."""

from __future__ import annotations

import functools

from benchmarks import divided
from benchmarks.engine import LIMITS, against_limit, loop
from benchmarks.harness import WORKERS, Options, Result

# generator: samples to find its pace by
GENERATORS = {"sums": 200_000, "ten_additions": 2000}

SECONDS = 120
"""How long a run takes that just reaches its goal."""


def measure(options: Options) -> list[Result]:
    """Compare samples per second with those of the limit, and say what the runs' time went to."""
    results = []
    for name, some in GENERATORS.items():
        some, goal = options.size(some, some // 50), LIMITS[name][1]
        count = int(goal * options.size(SECONDS, 2) * WORKERS * some / loop(name, some))
        whole_run = functools.partial(divided.workflow, name, count)
        results += against_limit("workflow", whole_run, name, count, goal, options.repeats)
    return results
