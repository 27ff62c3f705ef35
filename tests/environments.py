"""The environments that tests need, each made once inside the clone: `python tests/environments.py`.

`.venv-sage`
    What `envs/sage.yaml` lists, and nothing else, from wheels: the environment of SageMath jobs.
`.venv-sage-test`
    The packages of the Python that runs this file and those of `.venv-sage`, by a `.pth` file: one Python that has
    Snakemake, pytest, SymPy and SageMath. Nothing is installed twice.
`.venv-snakemake`
    `snakemake` alone, as a user may have it.

A stamp inside each says what it was made from; it is made anew when that changes.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
PINS = [ROOT / name for name in ("requirements.txt", "requirements-dev.txt", "requirements-sage.txt")]

# The names that conda-forge's packages have on PyPI, where they differ. Python is there already.
WHEELS = {"python": [], "sage": ["passagemath-singular", "passagemath-flint"]}


class IndexUnreachable(RuntimeError):
    """pip could not reach a package index."""


def wheels(environment: Path) -> list[str]:
    """Return what a conda environment file lists, as pip's requirements.

    Raises:
        RuntimeError: this Python is not one that the file allows.
    """
    required = []
    for line in yaml.safe_load(environment.read_text(encoding="utf-8"))["dependencies"]:
        requirement = Requirement(line)
        version = ".".join(map(str, sys.version_info[:3]))
        if requirement.name == "python" and version not in requirement.specifier:
            raise RuntimeError(f"{environment.name} needs python {requirement.specifier}, this is {version}")
        for name in WHEELS.get(requirement.name, [requirement.name]):
            required.append(f"{name}{requirement.specifier}")
    return required


def sage() -> Path:
    """Make `.venv-sage`; return its Python."""
    return _environment(".venv-sage", wheels(ROOT / "envs" / "sage.yaml"))


def sage_test() -> Path:
    """Make `.venv-sage-test`; return its Python."""
    folders = [sysconfig.get_path("purelib"), site_packages(sage())]
    return _environment(".venv-sage-test", paths=list(map(str, folders)))


def snakemake() -> Path:
    """Make `.venv-snakemake`; return its Python."""
    return _environment(".venv-snakemake", ["snakemake", "pip"])


def site_packages(python: Path) -> Path:
    """Return where the packages of a virtual environment are."""
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def _environment(name: str, requirements: list[str] | None = None, paths: list[str] | None = None) -> Path:
    """Make a virtual environment with packages and additional search paths, unless it is there; return its Python.

    Raises:
        IndexUnreachable: pip could not reach a package index.
        RuntimeError: pip failed otherwise; the text has its output.
    """
    folder = ROOT / name
    python, stamp = folder / "bin" / "python", folder / "made-from.txt"
    inputs = [sys.version, sys.base_prefix, *(requirements or []), *(paths or [])]
    if requirements:
        inputs += [path.read_text(encoding="utf-8") for path in PINS]
    made_from = hashlib.sha256("\0".join(inputs).encode()).hexdigest() + "\n"
    with _locked():
        if stamp.is_file() and stamp.read_text() == made_from:
            return python
        # Made without pip, which is not in the list; the pip of this Python installs into it.
        _run(sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder))
        if requirements:
            print(f"{name}: installing {', '.join(requirements)}", file=sys.stderr, flush=True)
            options = ["--quiet", "--disable-pip-version-check", "--no-input"]
            options += [f"--constraint={path}" for path in PINS]
            _run(sys.executable, "-m", "pip", "--python", str(python), "install", *options, *requirements)
        if paths:
            (site_packages(python) / "paths.pth").write_text("".join(f"{path}\n" for path in paths))
        stamp.write_text(made_from)
    return python


def _run(*command: str) -> None:
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode == 0:
        return
    output = f"{result.stdout}{result.stderr}"
    text = f"{' '.join(command)}\n{output}"
    if "Retrying (Retry(total=0" in output:  # the last time that pip tried to connect
        raise IndexUnreachable(text)
    raise RuntimeError(text)


@contextmanager
def _locked() -> Iterator[None]:
    """Let one process at a time make environments."""
    folder = os.open(ROOT, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main() -> None:
    """Make all environments."""
    try:
        sage_test()
        snakemake()
    except RuntimeError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
