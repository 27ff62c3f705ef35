"""What the tests of the core share: cheap generators, datasets made with them, subprocesses, and comparing folders."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from algebraset import DatasetPipeline, Reject

ROOT = Path(__file__).resolve().parents[1]
SRC = ROOT / "src"


def sums(seed: int) -> tuple[list[int], int]:
    """Return small numbers and their sum; problems repeat, so that there are duplicates to count."""
    rng = random.Random(seed)
    numbers = [rng.randint(0, 4) for _ in range(rng.randint(1, 3))]
    return numbers, sum(numbers)


def picky_sums(seed: int) -> tuple[list[int], int]:
    """Return what `sums` returns, but reject some seeds for one of two reasons."""
    numbers, total = sums(seed)
    if total == 0:
        raise Reject("zero")
    if total % 5 == 0:
        raise Reject("multiple of five")
    return numbers, total


def size_statistics(problem: list[int], answer: int) -> dict[str, Any]:
    """Return categories, a flat metric, an int beyond floats and a float that no addition order may change."""
    return {
        "problem": {"length": len(problem), "tenth": answer * 0.1},
        "answer": {"value": answer, "huge": 10**400 * answer, "odd": answer % 2 == 1},
        "ratio": answer / len(problem),
    }


def make(folder: Path, generate: Any = sums, statistics: Any = size_statistics, **settings: Any) -> DatasetPipeline:
    """Return a small SymPy pipeline into `folder`, quiet and in this process unless `settings` say otherwise."""
    defaults = {"verbose": False, "backend": "sympy"}
    if "splits" not in settings:
        defaults |= {"num_train_samples": 20, "num_test_samples": 5}
    return DatasetPipeline(generate, statistics, save_dir=str(folder), **(defaults | settings))


def data_files(folder: Path) -> dict[str, bytes]:
    """Return the reproducible files of a dataset by name: the data files and their checksums."""
    names = [path for path in folder.iterdir() if path.is_file() and path.suffix in (".txt", ".jsonl", "")]
    return {path.name: path.read_bytes() for path in sorted(names)}


def snapshot(folder: Path) -> dict[str, tuple[int, int]]:
    """Return inode and modification time of everything in a folder, so that any rewriting shows."""
    stats = {str(path.relative_to(folder)): path.stat() for path in folder.rglob("*") if path.is_file()}
    return {name: (stat.st_ino, stat.st_mtime_ns) for name, stat in stats.items()}


def run_python(*args: str, cwd: Path, timeout: float = 60, **env: str) -> subprocess.CompletedProcess[str]:
    """Run Python with the package on its path, output captured; `env` adds to this process's environment."""
    environment = {**os.environ, "PYTHONPATH": str(SRC), **env}
    return subprocess.run(
        [sys.executable, *args],
        cwd=cwd,
        env=environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
