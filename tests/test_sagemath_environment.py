"""The tests of the SageMath backend, run by a Python that has SageMath; and the environments that tests use."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import environments
import pytest
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]


def test_of_the_sagemath_backend_pass(sage_test_python: Path) -> None:
    line = [sage_test_python, "-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "tests/test_sagemath.py"]
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    result = subprocess.run(line, cwd=ROOT, env=env, capture_output=True, text=True, timeout=600, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert re.search(r"^\d{3} passed in ", result.stdout, re.MULTILINE), result.stdout  # and none skipped


def test_the_job_environment_has_what_the_env_file_lists(sage_python: Path) -> None:
    folder = environments.site_packages(sage_python)
    found = {canonicalize_name(item.metadata["Name"]) for item in metadata.distributions(path=[str(folder)])}
    listed = {"joblib", "cloudpickle", "pebble", "passagemath-singular", "passagemath-flint"}
    assert listed == {re.split(r"[<>=]", line)[0] for line in environments.wheels(ROOT / "envs" / "sage.yaml")}
    assert listed <= found
    assert not found & {"pip", "snakemake", "omegaconf", "jsonschema", "pyyaml", "sympy", "pytest", "algebraset"}


def test_every_package_of_the_env_files_has_bounds() -> None:
    for name in ("sage", "sympy"):
        requirements = environments.wheels(ROOT / "envs" / f"{name}.yaml")
        assert all(re.fullmatch(r"[a-z-]+(>=|<)[\d.]+,(>=|<)[\d.]+", line) for line in requirements), requirements


def test_a_python_that_the_env_file_excludes_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "old.yaml"
    file.write_text("dependencies: ['python <3', 'sage >=10']\n")
    with pytest.raises(RuntimeError, match=r"old\.yaml needs python <3, this is 3"):
        environments.wheels(file)


def test_requirements_name_no_index() -> None:
    for path in environments.PINS:
        for line in path.read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"#.*|[A-Za-z0-9_.-]+==[A-Za-z0-9.]+", line), f"{path.name}: {line}"


def test_without_an_index_tests_are_skipped_with_the_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    unreachable = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
    for name, value in unreachable.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    with pytest.raises(environments.IndexUnreachable):
        environments.snakemake()
    assert not list(tmp_path.glob("*/made-from.txt"))


def test_an_environment_is_made_once_and_anew_when_its_inputs_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environments, "ROOT", tmp_path)
    python = environments._environment("venv", paths=["/one"])
    (tmp_path / "venv" / "kept").touch()
    assert environments._environment("venv", paths=["/one"]) == python
    assert (tmp_path / "venv" / "kept").exists()
    environments._environment("venv", paths=[str(tmp_path)])
    assert not (tmp_path / "venv" / "kept").exists()
    output = subprocess.run([python, "-c", "import sys; print(sys.path)"], capture_output=True, text=True, check=True)
    assert str(tmp_path) in output.stdout
    assert sys.prefix not in output.stdout
