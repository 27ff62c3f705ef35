"""SageMath end to end: the real Snakemake, the Python API and the command line with `backend: sagemath`."""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import environments
import pytest
import yaml
from workflow_helpers import data_bytes, environment, job_counts, read_json, wait_until, write_config

ROOT = Path(__file__).resolve().parents[1]
GOLDEN = ROOT / "tests" / "golden"
BACKENDS = ("sympy", "sagemath")
CONFIG = ("--configfile", "config.yaml")


def run(
    python: Path, *args: str | Path, cwd: Path, ok: bool = True, timeout: float = 180, **changes: str
) -> SimpleNamespace:
    """Run a Python in `cwd` in an environment that does not help it; `ok` says whether it must succeed or must fail."""
    result = subprocess.run(
        [str(python), *map(str, args)],
        cwd=cwd,
        env=environment(**changes),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        timeout=timeout,
        check=False,
    )
    assert (result.returncode == 0) == ok, result.stdout
    return SimpleNamespace(output=result.stdout, status=result.returncode)


def snakemake(python: Path, cwd: Path, *args: str | Path, ok: bool = True, **changes: str) -> str:
    """Run the Snakemake of a Python in `cwd` on two cores; return its output."""
    line = ("-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2", *args)
    return run(python, *line, cwd=cwd, ok=ok, **changes).output


def algebraset(python: Path, cwd: Path, *args: str | Path, ok: bool = True) -> str:
    """Run `python -m algebraset` in `cwd`; return its output."""
    return run(python, "-m", "algebraset", *args, cwd=cwd, ok=ok, PYTHONPATH=str(ROOT / "src")).output


# One run with datasets of both backends.

SAGE_VALUES = '''\
"""Samples with what SageMath has: every random state of it is drawn from."""

from sage.libs.pari import pari
from sage.matrix.constructor import matrix
from sage.rings.finite_rings.finite_field_constructor import GF
from sage.rings.integer_ring import ZZ
from sage.rings.real_mpfr import RR

import algebraset
from algebraset.sagemath import PolynomialSampler

sampler = PolynomialSampler("x, y", "QQ", max_degree=3, max_num_terms=4)
field = GF(9, "a")


def generate(seed):
    algebraset.seed_all(seed)
    poly = sampler.sample()[0]
    if poly.is_constant():
        raise algebraset.Reject("constant")
    row = matrix(ZZ, 1, 3, [ZZ.random_element(100) for _ in range(3)])
    return [poly**2, [field.random_element(), RR.random_element()]], [(poly**2).factor(), row, int(pari("random(99)"))]


def statistics(problem, answer):
    square = problem[0]
    return {"problem": {"degree": square.total_degree(), "terms": ZZ(len(square.monomials()))}, "size": RR(answer[2])}


def check(problem, answer):
    return answer[0].value() == problem[0]
'''

SURROUNDINGS = """\
import sys


def generate(seed):
    return "sys.path", [str(path) for path in sys.path]
"""

SAGE_DATASET = {
    "generator": "sage_values.py:generate",
    "statistics": "sage_values.py:statistics",
    "check": "sage_values.py:check",
    "backend": "sagemath",
    "splits": {"train": 20, "test": 3},
    "batch_size": 10,
    "save_dir": "data/sage",
}


@pytest.fixture(scope="module")
def mixed(sage_test_python: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """Return a run of one SymPy and two SageMath datasets: its folder, config and output."""
    cwd = tmp_path_factory.mktemp("mixed")
    (cwd / "sage_values.py").write_text(SAGE_VALUES, encoding="utf-8")
    (cwd / "generators").mkdir()
    (cwd / "generators" / "surroundings.py").write_text(SURROUNDINGS, encoding="utf-8")
    datasets = {
        "symbolic": {
            "generator": "polynomial_gcd",
            "check": "polynomial_gcd",
            "backend": "sympy",
            "num_train_samples": 10,
        },
        "sage": SAGE_DATASET,
        "surroundings": {
            "generator": "generators/surroundings.py:generate",
            "backend": "sagemath",
            "num_train_samples": 4,
            "n_jobs": 2,
        },
    }
    write_config(cwd / "config.yaml", datasets=datasets)
    output = snakemake(sage_test_python, cwd, *CONFIG, "--printshellcmds")
    return SimpleNamespace(cwd=cwd, output=output, datasets=datasets)


def test_a_mixed_run_makes_each_dataset_with_its_backend(mixed: SimpleNamespace) -> None:
    counts = job_counts(mixed.output)
    assert (counts["generate_sympy"], counts["generate_sagemath"]) == (1, 4)
    assert (counts["first_sample_sympy"], counts["first_sample_sagemath"]) == (1, 2)
    for name, dataset in mixed.datasets.items():
        folder = mixed.cwd / "data" / name
        versions = read_json(folder / "manifest.json")["versions"]
        assert {"sympy": "sympy", "sagemath": "sagemath"}[dataset["backend"]] in versions
        subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=folder, check=True)
    assert len((mixed.cwd / "data/symbolic/train_raw.txt").read_text().splitlines()) == 10
    statistics = read_json(mixed.cwd / "data/sage/statistics.json")["splits"]["train"]
    assert statistics["problem_stats"]["degree"]["max"] <= 6
    assert statistics["size_stats"]["count"] == 20


def test_an_unchanged_mixed_run_does_nothing(sage_test_python: Path, mixed: SimpleNamespace) -> None:
    assert job_counts(snakemake(sage_test_python, mixed.cwd, *CONFIG, "--dry-run")) == {}


RULE_ENVIRONMENTS = """\
import json
import sys
from pathlib import Path

from snakemake.api import SnakemakeApi
from snakemake.settings.types import (
    ConfigSettings, DeploymentMethod, DeploymentSettings, OutputSettings, Quietness, ResourceSettings,
)

with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
    workflow = api.workflow(
        ResourceSettings(cores=1),
        ConfigSettings(configfiles=[Path("config.yaml").resolve()]),
        snakefile=Path(sys.argv[1]),
        deployment_settings=DeploymentSettings(deployment_method={DeploymentMethod.CONDA}),
    )
    files = {}
    for rule in workflow._workflow.rules:
        if rule.conda_env:
            path = rule.expand_conda_env({}).file.get_path_or_uri(secret_free=False)
            files[rule.name] = str(Path(path).resolve())
    print(json.dumps(files))
"""

MODULE = """\
configfile: "config.yaml"


module algebraset:
    snakefile:
        "{snakefile}"
    config:
        config


use rule * from algebraset as data_*
"""


@pytest.mark.parametrize("prefix", ["", "data_"], ids=["directly", "as a module"])
def test_rules_carry_the_environment_of_their_backend(mixed: SimpleNamespace, tmp_path: Path, prefix: str) -> None:
    snakefile = ROOT / "Snakefile"
    if prefix:
        snakefile = tmp_path / "Snakefile"
        snakefile.write_text(MODULE.format(snakefile=ROOT / "Snakefile"), encoding="utf-8")
    # This Python has no SageMath: under conda the workflow asks only its environments for it.
    output = run(Path(sys.executable), "-c", RULE_ENVIRONMENTS, snakefile, cwd=mixed.cwd).output
    found = json.loads(output.splitlines()[-1])
    sympy, sage = (str(ROOT / "envs" / name) for name in ("sympy.yaml", "sage.yaml"))
    of_sagemath = {f"{prefix}{rule}_sagemath" for rule in ("first_sample", "generate")}
    of_sympy = {f"{prefix}{rule}" for rule in ("first_sample_sympy", "generate_sympy", "concatenate", "manifest")}
    assert {rule for rule, file in found.items() if file == sage} == of_sagemath
    assert of_sympy <= {rule for rule, file in found.items() if file == sympy}
    assert set(found.values()) == {sympy, sage}


# The job environment.


def generate_command(mixed: SimpleNamespace, python: Path, dataset: str) -> str:
    """Return the command of a dataset's first generate job, from the log of the run, with another Python."""
    shown = re.findall(r"^Shell command: (.*generate\.py.*)$", mixed.output, re.MULTILINE)
    wanted = f" data/{dataset}/shards/train/0000000 "
    line = next(line for line in shown if wanted in line)
    assert shlex.quote(str(ROOT / ".venv-sage-test/bin/python")) in line
    return line.replace(shlex.quote(str(ROOT / ".venv-sage-test/bin/python")), shlex.quote(str(python)))


@pytest.mark.parametrize("dataset", ["sage", "surroundings"])
def test_generate_job_needs_only_its_environment(
    mixed: SimpleNamespace, sage_python: Path, tmp_path: Path, dataset: str
) -> None:
    shutil.copytree(mixed.cwd, tmp_path / "run", ignore=shutil.ignore_patterns(".snakemake", "shards", "*.jsonl"))
    line = generate_command(mixed, sage_python, dataset)
    # Nothing in the environment but what a shell needs, so nothing of this Python's can be found.
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    shell = ["bash", "-c", f"set -euo pipefail; {line}"]
    result = subprocess.run(shell, cwd=tmp_path / "run", env=env, timeout=120, check=False)
    folder = tmp_path / "run" / "data" / dataset
    assert result.returncode == 0, (folder / "logs/generate/train/0000000.log").read_text()
    made = (folder / "shards/train/0000000/data.jsonl").read_bytes()
    if dataset == "sage":
        assert (mixed.cwd / "data/sage/train_data.jsonl").read_bytes().startswith(made)
        return
    outside = re.compile(r"site-packages|dist-packages")
    for sample in map(json.loads, made.decode().splitlines()):
        paths = sample["answer"]
        packages = [path for path in paths if outside.search(path)]
        assert packages == [str(environments.site_packages(sage_python))]
        assert [path for path in paths if not path.startswith(sys.base_prefix) and path not in packages] == [
            str(ROOT / "src"),
            str(tmp_path / "run" / "generators"),
        ]


# The same bytes from every scheduler.

CLOSURES = """\
import json
import os
import sys
from functools import partial
from pathlib import Path

from sage_values import check, generate, statistics

from algebraset import DatasetPipeline

if __name__ == "__main__":
    shift = os.getpid() * 0

    def shifted(seed, by):
        return generate(seed + shift + by)

    for n_jobs, batch_size in ((1, 7), (2, 3), (4, 100_000)):
        DatasetPipeline(
            partial(shifted, by=0),
            lambda problem, answer: statistics(problem, answer),
            f"api/{n_jobs}",
            splits={"train": 20, "test": 3},
            batch_size=batch_size,
            n_jobs=n_jobs,
            verbose=False,
            check=check,
        ).run()
"""


@pytest.fixture(scope="module")
def by_api(mixed: SimpleNamespace, sage_test_python: Path) -> Path:
    """Return the folder in which the Python API made the dataset, by number of workers; no run may hang."""
    (mixed.cwd / "closures.py").write_text(CLOSURES, encoding="utf-8")
    run(sage_test_python, "closures.py", cwd=mixed.cwd, PYTHONPATH=str(ROOT / "src"), timeout=120)
    return mixed.cwd / "api"


@pytest.mark.parametrize("n_jobs", [1, 2, 4])
def test_api_makes_the_bytes_of_the_workflow(mixed: SimpleNamespace, by_api: Path, n_jobs: int) -> None:
    assert data_bytes(by_api / str(n_jobs)) == data_bytes(mixed.cwd / "data/sage")


@pytest.mark.parametrize(("n_jobs", "batch_size"), [(1, 100_000), (2, 1)])
def test_command_line_makes_the_bytes_of_the_workflow(
    mixed: SimpleNamespace, sage_test_python: Path, tmp_path: Path, n_jobs: int, batch_size: int
) -> None:
    shutil.copy(mixed.cwd / "sage_values.py", tmp_path)
    settings = {"n_jobs": n_jobs, "batch_size": batch_size, "save_dir": "data"}
    write_config(tmp_path / "config.yaml", dataset=SAGE_DATASET | settings)
    algebraset(sage_test_python, tmp_path, "run", *CONFIG)
    assert data_bytes(tmp_path / "data") == data_bytes(mixed.cwd / "data/sage")


# Golden files, made by calt-x 1.5.0 over SageMath (tests/golden/README.md).

GOLDEN_RUN = """\
import sys

sys.path.insert(0, sys.argv[1])

from algebraset.backends import load_backend

load_backend("sagemath")

import generators_sagemath

from algebraset import DatasetPipeline

if __name__ == "__main__":
    for name, generate in generators_sagemath.CASES.items():
        DatasetPipeline(
            generate,
            generators_sagemath.STATISTICS.get(name),
            name,
            num_train_samples=6,
            num_test_samples=3,
            batch_size=4,
            n_jobs=2 if name in ("poly_zz", "sequences") else 1,
            verbose=False,
            backend="sagemath",
        ).run()
"""
GOLDEN_CASES = sorted(path.name for path in (GOLDEN / "sagemath").iterdir())


@pytest.fixture(scope="module")
def golden(sage_test_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder in which `DatasetPipeline` made all golden cases."""
    cwd = tmp_path_factory.mktemp("golden")
    (cwd / "golden.py").write_text(GOLDEN_RUN, encoding="utf-8")
    run(sage_test_python, "golden.py", GOLDEN, cwd=cwd, PYTHONPATH=str(ROOT / "src"), PYTHONDONTWRITEBYTECODE="1")
    return cwd


@pytest.mark.parametrize("case", GOLDEN_CASES)
def test_bytes_are_those_of_calt(golden: Path, case: str) -> None:
    for split in ("train", "test"):
        for file in (f"{split}_raw.txt", f"{split}_data.jsonl"):
            assert (golden / case / file).read_bytes() == (GOLDEN / "sagemath" / case / file).read_bytes()


@pytest.mark.parametrize("case", [path.parent.name for path in GOLDEN.glob("sagemath/*/train_stats.yaml")])
def test_statistics_are_those_of_calt(golden: Path, case: str) -> None:
    splits = read_json(golden / case / "statistics.json")["splits"]
    for split, found in splits.items():
        expected = yaml.safe_load((GOLDEN / "sagemath" / case / f"{split}_stats.yaml").read_text(encoding="utf-8"))
        assert found["num_samples"] == expected.pop("num_samples")
        for category, metrics in expected.items():
            flat = "mean" in metrics
            for metric, numbers in {category: metrics}.items() if flat else metrics.items():
                ours = found[category] if flat else found[category][metric]
                for name, value in numbers.items():
                    assert math.isclose(ours[name], value, rel_tol=1e-12, abs_tol=1e-12), (metric, name)


# Answers made by one system, verified by the other.

UNIVARIATE = ("factorization", "GF(7)")
TASKS = {
    f"{task}_{field.strip('()').replace('(', '')}": {
        "generator": f"polynomial_{task}",
        "check": f"polynomial_{task}",
        # SymPy factors over GF(p) in one variable only.
        "generator_params": {"field_str": field, "symbols": "x" if (task, field) == UNIVARIATE else "x, y"},
    }
    for task in ("addition", "factorization", "gcd")
    for field in ("ZZ", "QQ", "GF(7)", "RR")
    if field != "RR" or task == "addition"
}

CHECK_ALL = """\
import contextlib
import io
import json
import sys

from algebraset.cli import main

found = {}
for name in json.loads(sys.argv[2]):
    output = io.StringIO()
    with contextlib.redirect_stdout(output):
        status = main(["check", "--configfile", f"data/{name}/manifest.json", "--backend", sys.argv[1]])
    found[name] = [status, output.getvalue()]
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def answers(sage_test_python: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return, by backend, the folder in which it made a dataset of each ready task over each ring."""
    folders = {}
    for backend in BACKENDS:
        cwd = folders[backend] = tmp_path_factory.mktemp(backend)
        shared = {"backend": backend, "num_train_samples": 12, "num_test_samples": 2, "verbose": False}
        write_config(cwd / "config.yaml", dataset=shared, datasets=TASKS)
        algebraset(sage_test_python, cwd, "run", *CONFIG)
    return folders


def checked(python: Path, cwd: Path, backend: str) -> dict[str, Any]:
    """Return, by dataset, exit status and output of `python -m algebraset check` with a backend's check functions."""
    output = run(python, "-c", CHECK_ALL, backend, json.dumps(list(TASKS)), cwd=cwd, PYTHONPATH=str(ROOT / "src"))
    return json.loads(output.output)


def other(backend: str) -> str:
    return BACKENDS[1 - BACKENDS.index(backend)]


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_other_system_verifies_all_answers(answers: dict[str, Path], sage_test_python: Path, backend: str) -> None:
    found = checked(sage_test_python, answers[backend], other(backend))
    assert found == {name: [0, "train: 12 answers, 0 wrong\ntest: 2 answers, 0 wrong\n"] for name in TASKS}


def corrupt(name: str, answer: Any) -> Any:
    """Return a wrong answer that looks right, None if this sample gives no occasion."""
    if name.startswith("addition"):
        return [*answer[:-1], f"{answer[-1]} + 1"]
    if name.startswith("gcd"):
        return "1" if answer != "1" else None  # a common divisor, but not the greatest
    if len(answer) < 2:
        return None
    return ["*".join(f"({factor})" for factor in answer)]  # the right product, but not factored


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_other_system_finds_a_wrong_answer(
    answers: dict[str, Path], sage_test_python: Path, tmp_path: Path, backend: str
) -> None:
    shutil.copytree(answers[backend] / "data", tmp_path / "data")
    expected = {}
    for name in TASKS:
        file = tmp_path / "data" / name / "train_data.jsonl"
        samples = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        wrong = [corrupt(name, sample["answer"]) for sample in samples]
        number = next(number for number, answer in enumerate(wrong) if answer is not None)
        samples[number]["answer"] = wrong[number]
        file.write_text("".join(f"{json.dumps(sample)}\n" for sample in samples), encoding="utf-8")
        expected[name] = f"train: 12 answers, 1 wrong\n  data/{name}/train_data.jsonl, line {number + 1}: "
    for name, (status, output) in checked(sage_test_python, tmp_path, other(backend)).items():
        assert status == 1
        assert output.startswith(expected[name]), output


def test_check_is_a_command(answers: dict[str, Path], sage_test_python: Path) -> None:
    manifest = "data/gcd_QQ/manifest.json"
    for backend in BACKENDS:
        args = ("check", "--configfile", manifest, "--backend", other(backend))
        assert "train: 12 answers, 0 wrong" in algebraset(sage_test_python, answers[backend], *args)


# Ctrl-C and SIGKILL, while C code works that does not return for minutes.

STUCK = {
    "sagemath": "from sage.libs.pari import pari\n\n\ndef factor(n):\n    return pari(n).factor()\n",
    "sympy": "import flint\n\n\ndef factor(n):\n    return flint.fmpz(n).factor()\n",
}
GENERATE_STUCK = """\


from pathlib import Path


def generate(seed):
    if Path("stuck").exists():
        Path("started").touch()
        factor((10**49 + 9) * (10**50 + 151))
    return seed, seed
"""


def marked(mark: str) -> list[str]:
    """Return the command lines of the living processes that have `mark` in their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            zombie = (process / "stat").read_text().rpartition(")")[2].split()[0] == "Z"
            if not zombie and mark.encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
    return found


@contextlib.contextmanager
def stuck_run(python: Path, cwd: Path, backend: str, scheduler: str, n_jobs: int) -> Iterator[SimpleNamespace]:
    """Start a run and wait until its generator is in C code; what lives at the end is killed.

    `env` restores the handler of SIGINT, which a process started in the background may be told to ignore.
    """
    (cwd / "hard.py").write_text(STUCK[backend] + GENERATE_STUCK, encoding="utf-8")
    dataset = {"generator": "hard.py:generate", "backend": backend, "num_train_samples": 8, "batch_size": 4}
    write_config(cwd / "config.yaml", dataset=dataset | {"n_jobs": n_jobs, "verbose": False})
    mark = f"ALGEBRASET_TEST={cwd}"
    changes = {"ALGEBRASET_TEST": str(cwd)}
    if scheduler == "snakemake":
        line = ["-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", *CONFIG]
    else:
        line = ["-m", "algebraset", "run", *CONFIG]
        changes["PYTHONPATH"] = str(ROOT / "src")
        (cwd / "stuck").touch()
    with open(cwd / "output.txt", "wb") as output:
        process = subprocess.Popen(
            ["env", "--default-signal=INT", str(python), *line],
            cwd=cwd,
            env=environment(**changes),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        if scheduler == "snakemake":  # the first sample comes first
            wait_until((cwd / "data/recipe.json").exists)
            wait_until(lambda: "Finished jobid" in (cwd / "output.txt").read_text())
            (cwd / "stuck").touch()
        wait_until((cwd / "started").exists)
        time.sleep(0.3)
        yield SimpleNamespace(process=process, living=lambda: marked(mark))
    finally:
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark.encode() in (entry / "environ").read_bytes():
                    os.kill(int(entry.name), signal.SIGKILL)
        process.wait()


@pytest.mark.parametrize(
    ("scheduler", "n_jobs", "how"),
    [
        ("api", 2, signal.SIGINT),
        ("api", 2, signal.SIGKILL),
        ("snakemake", 1, signal.SIGINT),
        ("snakemake", 2, signal.SIGKILL),
    ],
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_stopped_run_leaves_no_process(
    sage_test_python: Path, tmp_path: Path, backend: str, scheduler: str, n_jobs: int, how: signal.Signals
) -> None:
    with stuck_run(sage_test_python, tmp_path, backend, scheduler, n_jobs) as stuck:
        assert stuck.living()
        if how == signal.SIGINT:
            os.killpg(stuck.process.pid, how)  # as a terminal does it
        else:
            stuck.process.kill()
        begin = time.monotonic()
        stuck.process.wait(10)
        wait_until(lambda: not stuck.living(), seconds=10)
        assert time.monotonic() - begin < 10


def test_ctrl_c_interrupts_sagemath_in_the_calling_process(sage_test_python: Path, tmp_path: Path) -> None:
    with stuck_run(sage_test_python, tmp_path, "sagemath", "api", 1) as stuck:
        os.killpg(stuck.process.pid, signal.SIGINT)
        stuck.process.wait(10)
        assert not stuck.living()


# What is missing is named, with the way to get it.


def test_snakemake_alone_names_what_it_needs_and_then_runs(snakemake_python: Path, tmp_path: Path) -> None:
    output = snakemake(snakemake_python, tmp_path, "--dry-run", ok=False)
    lines = [line for line in output.splitlines() if "OmegaConf" in line]
    assert len(lines) == 1
    command = re.search(r": (\S+ -m pip install omegaconf) ", lines[0])[1]
    assert command.startswith(shlex.quote(str(snakemake_python)))
    assert "--use-conda" in lines[0]

    line = [*shlex.split(command), "--quiet", "--disable-pip-version-check", "--target", str(tmp_path / "added")]
    result = subprocess.run(line, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr

    # SymPy is missing too, and said to be so before any job, with both ways to get it.
    (tmp_path / "run").mkdir()
    added = {"PYTHONPATH": str(tmp_path / "added")}
    for backend in BACKENDS:
        dataset = f"dataset={{backend: {backend}}}"
        output = snakemake(snakemake_python, tmp_path / "run", "--config", dataset, ok=False, **added)
        message = next(line for line in output.splitlines() if "is not installed" in line)
        assert "--use-conda" in message
        assert "pip install" in message
        assert str(snakemake_python) in message
        assert "Select jobs" not in output
        assert not (tmp_path / "run" / "data").exists()

    # With SymPy too, the default config is planned: the Snakefile finds `src/` by itself.
    for name in ("sympy", "mpmath"):
        (tmp_path / "added" / name).symlink_to(Path(importlib.util.find_spec(name).origin).parent)
    counts = job_counts(snakemake(snakemake_python, tmp_path / "run", "--dry-run", **added))
    assert counts["generate_sympy"] == 11


@pytest.mark.skipif(importlib.util.find_spec("sage") is not None, reason="this Python has SageMath")
def test_missing_sagemath_stops_before_any_job(tmp_path: Path) -> None:
    dataset = {"generator": "polynomial_gcd", "backend": "sagemath", "num_train_samples": 1}
    write_config(tmp_path / "config.yaml", dataset=dataset)
    for output in (
        snakemake(Path(sys.executable), tmp_path, *CONFIG, ok=False),
        algebraset(Path(sys.executable), tmp_path, "run", *CONFIG, ok=False),
    ):
        assert "SageMath is not installed: run the workflow with --use-conda" in output
        assert "pip install passagemath-singular passagemath-flint" in output
        assert not (tmp_path / "data").exists()


def test_a_generator_that_needs_all_of_sagemath_is_told_which_package_has_it(
    sage_test_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "whole.py").write_text("from sage.all import *\n\n\ndef generate(seed):\n    return 1, ZZ(2)\n")
    dataset = {"generator": "whole.py:generate", "backend": "sagemath", "num_train_samples": 30, "batch_size": 10}
    write_config(tmp_path / "config.yaml", dataset=dataset)
    output = snakemake(sage_test_python, tmp_path, *CONFIG, ok=False)
    assert "generator = 'whole.py:generate' cannot be imported: ModuleNotFoundError" in output
    assert "pip install passagemath-standard" in output
    assert "Error in rule first_sample_sagemath" in output
    assert "rule generate_sagemath:" not in output


# Conda.


def why_no_conda() -> str | None:
    """Return why jobs cannot run in conda environments here, None if they can."""
    conda = shutil.which("conda")
    if conda is None:
        return "conda is not on PATH"
    shown = subprocess.run([conda, "--version"], capture_output=True, text=True, check=False).stdout
    version = tuple(map(int, re.findall(r"\d+", shown)[:3]))
    return None if version >= (24, 7, 1) else f"conda is too old: {shown.strip()}; Snakemake needs 24.7.1"


def test_use_conda(tmp_path: Path) -> None:
    """Both environments are made by conda itself, and jobs of both backends run in them and see nothing else."""
    if reason := why_no_conda():
        pytest.skip(reason)
    (tmp_path / "surroundings.py").write_text(SURROUNDINGS, encoding="utf-8")
    shared = {"num_train_samples": 4, "batch_size": 2}
    generators = {"task": "polynomial_gcd", "paths": "surroundings.py:generate"}
    datasets = {
        f"{backend}_{name}": {"backend": backend, "generator": generator, "n_jobs": 2}
        for backend in BACKENDS
        for name, generator in generators.items()
    }
    write_config(tmp_path / "config.yaml", dataset=shared, datasets=datasets)
    prefix = tmp_path / "conda"
    line = ("-m", "snakemake", "--snakefile", ROOT / "Snakefile", "--cores", "2", *CONFIG)
    run(Path(sys.executable), *line, "--use-conda", "--conda-prefix", prefix, cwd=tmp_path, timeout=3600)
    for backend in BACKENDS:
        folder = tmp_path / "data" / f"{backend}_task"
        assert backend in read_json(folder / "manifest.json")["versions"]
        paths = json.loads((tmp_path / f"data/{backend}_paths/train_data.jsonl").read_text().splitlines()[0])["answer"]
        assert [path for path in paths if not path.startswith(str(prefix))] == [str(ROOT / "src"), str(tmp_path)]
