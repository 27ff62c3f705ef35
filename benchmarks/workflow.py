"""Workflow: what Snakemake costs per batch, ours beside a bare Snakefile with as many jobs of three outputs each."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks import jobs
from benchmarks.harness import ROOT, WORKERS, Measured, Options, Result, alternate, compare, execute, scratch

BARE = """\
rule all:
    input:
        [f"shards/train/{{n:07d}}/{{file}}" for n in range({batches}) for file in ("raw.txt", "data.jsonl", "sidecar")],
    output:
        "all",
    shell:
        "touch {{output}}"


rule generate:
    output:
        text="shards/train/{{batch}}/raw.txt",
        json="shards/train/{{batch}}/data.jsonl",
        sidecar="shards/train/{{batch}}/sidecar",
    shell:
        "{command}"
"""


def measure(options: Options) -> list[Result]:
    """Compare planning of many jobs, looking at a finished run, and the running of jobs."""
    results = []
    for batches in (options.size(1000, 10), options.size(10_000, 40)):
        with scratch() as folder:
            sides = {"bare": bare(folder / "bare", batches), "algebraset": ours(folder / "ours", batches)}
            dry = alternate({name: lambda f=f: snakemake(f, "--dry-run") for name, f in sides.items()}, options.repeats)
            results += _both(f"dry run of {batches:,} batches", dry)
            for made in sides.values():
                finish(made, batches)
            again = alternate({name: lambda f=f: snakemake(f) for name, f in sides.items()}, options.repeats)
            results += _both(f"finished run of {batches:,} batches, nothing to do", again)
    batches = options.size(20, 2)
    makers = {"bare": bare, "algebraset": ours}
    runs = alternate({name: lambda m=make: _run(m, batches) for name, make in makers.items()}, options.repeats)
    return [*results, *_both(f"run of {batches} batches of one sample", runs)]


def _both(what: str, runs: dict[str, list[Measured]]) -> list[Result]:
    return [
        compare(
            f"{what}: {name}",
            unit,
            {side: [getattr(m, key) for m in values] for side, values in runs.items()},
            at_most=1.3,
        )
        for name, key, unit in (("time", "wall", "s"), ("peak memory", "peak", "MB"))
    ]


def _run(make: object, batches: int) -> Measured:
    with scratch() as folder:
        return snakemake(make(folder / "run", batches))


def snakemake(folder: Path, *arguments: str) -> Measured:
    """Run Snakemake in a folder, both sides under our default profile: its own Snakefile, or ours where it has none."""
    own = folder / "Snakefile"
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(own if own.exists() else ROOT / "Snakefile")]
    profile = ["--workflow-profile", str(ROOT / "profiles" / "default"), "--cores", str(WORKERS), "--quiet", "all"]
    return execute([*command, *profile, *arguments], cwd=folder)


def ours(folder: Path, batches: int) -> Path:
    """Make a folder with a config of so many batches, of one sample each."""
    (folder / "config").mkdir(parents=True)
    dataset = {**jobs.SUMS, "save_dir": "data", "batch_size": 1, "splits": {"train": batches}, "keep_shards": True}
    (folder / "config" / "config.yaml").write_text(json.dumps({"dataset": dataset}))
    return folder


def bare(folder: Path, batches: int) -> Path:
    """Make a folder with the bare Snakefile, whose jobs run the same script as ours do."""
    jobs.prepare(folder, **jobs.SUMS, splits={"train": batches}, batch_size=1)
    script = f"{sys.executable} -P {ROOT / 'workflow' / 'scripts' / 'generate.py'}"
    command = f"{script} shards/train/{{wildcards.batch}} --samples 0-1 --n-jobs 1 --batch-size 1"
    (folder / "Snakefile").write_text(BARE.format(batches=batches, command=command))
    return folder


def finish(folder: Path, batches: int) -> None:
    """Make a folder look as after a run, by Snakemake's own `--touch`: the jobs themselves would take hours."""
    names = ("raw.txt", "data.jsonl", "sidecar")
    shards = [f"shards/train/{number:07d}/{name}" for number in range(batches) for name in names]
    if (folder / "Snakefile").exists():
        files = ["all", *shards]
    else:
        final = ("recipe.json", "train_raw.txt", "train_data.jsonl", "statistics.json", "manifest.json", "SHA256SUMS")
        files = [f"data/{name}" for name in (*final, *shards)]
    for name in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    snakemake(folder, "--touch")
