"""Divided: what the cores' time of a whole run goes to, by the clocks of the run itself."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks import generators
from benchmarks.harness import ROOT, WORKERS, execute, run, scratch

GENERATOR = "generator, by the clock around it"

BATCHES = 6
"""Batches of the workflow's dataset, three on each core."""


def pipeline(generator: str, count: int) -> dict[str, float]:
    """Run `DatasetPipeline` in a fresh process, with a worker a core.

    Returns:
        The cores' seconds by what they went to.
    """
    with scratch() as folder:
        return run("divided", "run_pipeline", generator=generator, count=count, save_dir=str(folder)).value


def run_pipeline(generator: str, count: int, save_dir: str) -> dict[str, float]:
    """Run `DatasetPipeline` in this process; return what `pipeline` returns."""
    from unittest.mock import patch

    import sympy  # noqa: F401 (no part of the run, as in comparisons)

    from algebraset import DatasetPipeline
    from algebraset import pipeline as steps
    from algebraset.workers import Pace

    reached: dict[str, float] = {}

    def noting(what: str, original: Any) -> Any:
        def call(*arguments: Any) -> Any:
            reached.setdefault(what, time.perf_counter())
            return original(*arguments)

        return call

    settings = {"save_dir": save_dir, "splits": {"train": count}, "batch_size": max(1, count // 4), "verbose": False}
    whole = DatasetPipeline(
        generators.named(generator), generators.statistics, n_jobs=WORKERS, backend="sympy", **settings
    )
    started = time.perf_counter()
    with (
        patch.object(Pace, "record", noting("samples", Pace.record)),
        patch.object(steps, "_collect", noting("collecting", steps._collect)),
    ):
        whole.run()
    finished = time.perf_counter()
    own = _generator_seconds(Path(save_dir), count)
    samples = WORKERS * (reached["collecting"] - reached["samples"])
    return {
        GENERATOR: own,
        "start of the workers, to the first samples": WORKERS * (reached["samples"] - started),
        "seeds, text, JSON, statistics, writing, waiting": samples - own,
        "collecting": WORKERS * (finished - reached["collecting"]),
    }


def workflow(generator: str, count: int) -> dict[str, float]:
    """Run the workflow on `count` samples, with a worker a core.

    Returns:
        The cores' seconds from the start of its first job to its end, by what they went to.
    """
    with scratch() as folder:
        dataset = {
            "generator": generators.path(generator),
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
    clocks = [_clock(path) for path in data.glob("shards/train/0*/sidecar")]
    samples = sum(clock["finished"] - clock["started"] for clock in clocks)
    ends = sorted(clock["finished"] for clock in clocks)
    made = (logs / "manifest.tsv").stat().st_mtime  # Snakemake writes it when the last job has ended
    own, wait = _generator_seconds(data, count), ends[-1] - ends[-WORKERS]
    starts = sum(clock["started"] for clock in clocks) - sum(generate)
    return {
        GENERATOR: own,
        "the first sample, before other jobs": WORKERS * (generate[0] - min(started.values())),
        "start of the generate jobs, to their first samples": starts,
        "seeds, text, JSON, statistics, writing": samples - own,
        "between the jobs": WORKERS * (collect - generate[0]) - starts - samples - wait,
        "one core waiting for the last job": wait,
        "collecting": WORKERS * (made - collect),
        "Snakemake's end, after the last job": WORKERS * (finished - made),
    }


def _clock(sidecar: Path) -> dict[str, float]:
    with sidecar.open("rb") as file:  # digests follow, of many samples
        return json.loads(file.readline())["timing"]


def _generator_seconds(data: Path, count: int) -> float:
    """Return the seconds of all calls of the generator, by what the clock said around each."""
    timing = json.loads((data / "statistics.json").read_text())["timing"]["train"]["generation_time"]
    return count * timing["mean"]
