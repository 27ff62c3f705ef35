"""Make the golden files: run calt-x's own `DatasetGenerator` and `DatasetWriter` on the generators beside this file.

The bytes come from calt-x 1.5.0 itself, which is called here and neither copied nor changed. Of its statistics only the
parts that no clock enters are kept. Set up one scratch environment for each backend:

    python -m venv scratch-sympy
    scratch-sympy/bin/pip install --no-deps calt-x==1.5.0 joblib omegaconf sympy numpy pyyaml cloudpickle mpmath \
        antlr4-python3-runtime tqdm
    scratch-sympy/bin/python tests/golden/make_golden.py sympy

    python -m venv scratch-sage
    scratch-sage/bin/pip install passagemath-singular passagemath-flint joblib numpy pyyaml
    scratch-sage/bin/pip install --no-deps calt-x==1.5.0
    scratch-sage/bin/python tests/golden/make_golden.py sagemath

`--no-deps` keeps PyTorch out: importing `calt` would load it, so the packages above the two modules needed are replaced
by empty ones. Case names after the backend restrict the run to these cases. A case is replaced as a whole, and a case
that no longer has a generator is removed.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import importlib.util
import locale
import logging
import os
import shutil
import sys
import tempfile
import types
from pathlib import Path

import yaml

CALT_VERSION = "1.5.0"
HERE = Path(__file__).resolve().parent
ROOT_SEED = 42
SPLITS = {"train": 6, "test": 3}


def load_calt(backend: str) -> tuple[type, type]:
    """Return calt-x's `DatasetGenerator` of a backend and its `DatasetWriter`; no `__init__` above them runs.

    Raises:
        SystemExit: another version of calt-x, or none, is installed.
    """
    try:
        version = importlib.metadata.version("calt-x")
    except importlib.metadata.PackageNotFoundError:
        version = "none"
    if version != CALT_VERSION:
        raise SystemExit(f"calt-x {CALT_VERSION} is needed, and {version} is installed; see the top of this file")
    folder = Path(importlib.util.find_spec("calt").submodule_search_locations[0])
    for name in ("calt", "calt.dataset", f"calt.dataset.{backend}"):
        module = types.ModuleType(name)
        module.__path__ = [str(folder.joinpath(*name.split(".")[1:]))]
        sys.modules[name] = module
    generator = importlib.import_module(f"calt.dataset.{backend}.dataset_generator").DatasetGenerator
    return generator, importlib.import_module("calt.dataset.utils.dataset_writer").DatasetWriter


def no_statistics(problem, answer) -> None:
    """Give no statistics; calt-x, told None instead, goes on with the previous run's function."""


def keep_statistics(source: Path, target: Path) -> None:
    """Copy the statistics of one split without what the clock says."""
    statistics = yaml.safe_load(source.read_text(encoding="utf-8"))
    kept = {key: value for key, value in statistics.items() if key == "num_samples" or key.endswith("_stats")}
    with target.open("w", encoding="utf-8", newline="\n") as stream:
        yaml.safe_dump(kept, stream, sort_keys=False)


def make_case(backend: str, name: str, generate, statistics, generator_class: type, writer_class: type) -> None:
    """Run calt-x on one case and put its files under `<backend>/<name>/`."""
    target = HERE / backend / name
    with tempfile.TemporaryDirectory() as scratch:
        generator_class(n_jobs=1, verbose=False, root_seed=ROOT_SEED).run(
            dataset_sizes=dict(SPLITS),
            instance_generator=generate,
            statistics_calculator=statistics or no_statistics,
            dataset_writer=writer_class(save_dir=scratch, save_text=True, save_json=True),
        )
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        for split in SPLITS:
            for file in (f"{split}_raw.txt", f"{split}_data.jsonl"):
                shutil.copyfile(Path(scratch, file), target / file)
            if statistics is not None:
                keep_statistics(Path(scratch, f"{split}_stats.yaml"), target / f"{split}_stats.yaml")


def main() -> None:
    """Make all cases, or the named ones, of one backend."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backend", choices=("sympy", "sagemath"))
    parser.add_argument("cases", nargs="*", metavar="case")
    arguments = parser.parse_args()
    encoding = locale.getpreferredencoding(False).lower().replace("-", "")
    if encoding != "utf8" or os.linesep != "\n":
        raise SystemExit("calt-x writes in the locale's encoding, with the system's line ends: use Unix and UTF-8")

    generator_class, writer_class = load_calt(arguments.backend)
    logging.disable(logging.INFO)
    sys.path.insert(0, str(HERE))
    generators = importlib.import_module(f"generators_{arguments.backend}")
    unknown = set(arguments.cases) - set(generators.CASES)
    if unknown:
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    for name in arguments.cases or generators.CASES:
        make_case(
            arguments.backend,
            name,
            generators.CASES[name],
            generators.STATISTICS.get(name),
            generator_class,
            writer_class,
        )
    for stale in sorted({path.name for path in (HERE / arguments.backend).iterdir()} - set(generators.CASES)):
        shutil.rmtree(HERE / arguments.backend / stale)


if __name__ == "__main__":
    main()
