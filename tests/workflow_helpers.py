"""What the end-to-end tests share: a generator, its expected bytes, and runs of the real Snakemake."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from algebraset.seeds import sample_seed

REPOSITORY = Path(__file__).resolve().parents[1]

SUMS = '''\
"""Sums of small integers: a generator that needs no computer algebra, so that jobs are cheap."""

import random


def generate(seed, terms=3, bound=100):
    rng = random.Random(seed)
    problem = [rng.randrange(bound) for _ in range(terms)]
    return problem, sum(problem)


def statistics(problem, answer):
    return {"problem": {"largest": max(problem)}, "answer": {"value": answer}, "even": answer % 2 == 0}


def check(problem, answer):
    return sum(problem) == answer
'''


def write_sums(folder: Path, old: str = "", new: str = "") -> None:
    """Write the generator file `sums.py`, perhaps edited."""
    assert old in SUMS
    (folder / "sums.py").write_text(SUMS.replace(old, new) if old else SUMS, encoding="utf-8")


def sums_lines(split: str, count: int, *, terms: int = 3, bound: int = 100, root_seed: int = 42) -> tuple[str, str]:
    """Return what the text and the JSON Lines file of a split of `sums.py` must be, by a plain loop over the seeds."""
    text, lines = [], []
    for index in range(count):
        rng = random.Random(sample_seed(root_seed, split, index))
        values = [rng.randrange(bound) for _ in range(terms)]
        text.append(f"{' | '.join(map(str, values))} # {sum(values)}\n")
        sample = {"problem": [str(value) for value in values], "answer": str(sum(values))}
        lines.append(json.dumps(sample, ensure_ascii=False) + "\n")
    return "".join(text), "".join(lines)


def sums_dataset(**keys: Any) -> dict[str, Any]:
    """Return a `dataset:` block of `sums.py`: 20 train and 5 test samples in batches of 8, in the folder `data`."""
    defaults = {
        "generator": "sums.py:generate",
        "save_dir": "data",
        "num_train_samples": 20,
        "num_test_samples": 5,
        "batch_size": 8,
    }
    return defaults | keys


def write_config(path: Path, **config: Any) -> None:
    """Write a config file (JSON is YAML)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=2), encoding="utf-8")


def environment(**changes: str) -> dict[str, str]:
    """Return an environment as a user has it, with this Python as `python`, and nothing that helps the workflow."""
    unset = ("PYTHONPATH", "PYTHONHASHSEED", "PYTHONUTF8", "SNAKEMAKE_PROFILE", "LC_ALL", "LC_CTYPE")
    env = {key: value for key, value in os.environ.items() if key not in unset}
    return env | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"} | changes


def command(*args: str | Path, snakefile: Path | None = REPOSITORY / "Snakefile") -> list[str]:
    """Return the command line of Snakemake; without a Snakefile it looks for the working directory's."""
    chosen = ["--snakefile", str(snakefile)] if snakefile else []
    return [sys.executable, "-m", "snakemake", *chosen, *map(str, args)]


def snakemake(
    cwd: Path, *args: str | Path, snakefile: Path | None = REPOSITORY / "Snakefile", ok: bool = True, **changes: str
) -> str:
    """Run Snakemake in `cwd` on two cores and return its output.

    Args:
        cwd: the working directory.
        args: arguments.
        snakefile: the Snakefile, None for the working directory's own.
        ok: whether it must succeed or must fail.
        changes: environment variables.
    """
    result = subprocess.run(
        command("--cores", "2", *args, snakefile=snakefile),
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    output = result.stdout.decode("utf-8", "replace")
    assert (result.returncode == 0) == ok, output
    return output


def algebraset(cwd: Path, *args: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m algebraset` in `cwd`."""
    env = environment(PYTHONPATH=str(REPOSITORY / "src"), **changes)
    line = [sys.executable, "-m", "algebraset", *args]
    return subprocess.run(line, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)


def job_counts(output: str) -> dict[str, int]:
    """Return the number of jobs by rule from Snakemake's table of a run or dry run; empty if there is nothing to do."""
    if "Nothing to be done" in output:
        return {}
    table = re.search(r"^job +count\n-+ +-+\n((?:\S+ +\d+\n)+)total", output, re.MULTILINE)
    assert table, output
    rows = (line.split() for line in table[1].splitlines())
    return {rule: int(count) for rule, count in rows if rule != "all"}


def dry_run(cwd: Path, *args: str | Path, snakefile: Path | None = REPOSITORY / "Snakefile") -> dict[str, int]:
    """Return the jobs by rule that Snakemake would run."""
    return job_counts(snakemake(cwd, "--dry-run", *args, snakefile=snakefile))


def wait_until(condition: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not so after {seconds} s"
        time.sleep(0.02)


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def data_bytes(folder: Path) -> dict[str, bytes]:
    """Return what must be reproducible of a dataset: data files, SHA256SUMS and the statistics without the clock."""
    names = [*folder.glob("*_raw.txt"), *folder.glob("*_data.jsonl"), folder / "SHA256SUMS"]
    found = {path.name: path.read_bytes() for path in sorted(names)}
    summary = read_json(folder / "statistics.json")["splits"]
    return found | {"statistics": json.dumps(summary).encode()}


def assert_sums(folder: Path, splits: Mapping[str, int], **params: int) -> None:
    """Assert that a folder has the data files of `sums.py` for these splits."""
    for split, count in splits.items():
        text, lines = sums_lines(split, count, **params)
        assert (folder / f"{split}_raw.txt").read_text(encoding="utf-8") == text
        assert (folder / f"{split}_data.jsonl").read_text(encoding="utf-8") == lines


def copy_repository(folder: Path) -> Path:
    """Copy what a run needs of the repository, to be edited there; return its Snakefile."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "envs", "src", "config", "profiles"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=ignored)
    shutil.copy2(REPOSITORY / "Snakefile", folder / "Snakefile")
    return folder / "Snakefile"


def edit(path: Path, old: str, new: str) -> None:
    """Replace a string that is in a file."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
