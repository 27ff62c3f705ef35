"""Fixtures of several test files: the environments that `tests/environments.py` makes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import environments
import pytest

# Files are handed out whole to the processes that run tests, in this order: the last ones should be short.
LONGEST = ("test_workflow.py", "test_faults.py", "test_slurm.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Move the files that take longest to the front."""
    items.sort(key=lambda item: item.path.name not in LONGEST)


def _made(make: Callable[[], Path]) -> Path:
    try:
        return make()
    except environments.IndexUnreachable as error:
        pytest.skip(f"pip cannot reach a package index: {error}")


@pytest.fixture(scope="session")
def sage_python() -> Path:
    """Return the Python that has what `envs/sage.yaml` lists, and nothing else."""
    return _made(environments.sage)


@pytest.fixture(scope="session")
def sage_test_python() -> Path:
    """Return a Python that has SageMath, SymPy, Snakemake and pytest."""
    return _made(environments.sage_test)


@pytest.fixture(scope="session")
def snakemake_python() -> Path:
    """Return a Python that has Snakemake alone."""
    return _made(environments.snakemake)
