"""The docs: Python blocks run, CI runs the README's commands, links lead somewhere.

Shell commands are in `bash` blocks where CI runs them (`.ci/run`), and in `sh` blocks where it cannot (conda, a
cluster). Options of Snakemake are looked up in all of them.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from workflow_helpers import environment

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted([ROOT / "README.md", ROOT / "config" / "README.md", *(ROOT / "docs").glob("*.md")])
NAMES = [str(path.relative_to(ROOT)) for path in PAGES]


def blocks(page: Path, language: str) -> list[str]:
    """Return the code blocks of a page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def run_blocks(python: Path, page: Path, cwd: Path) -> None:
    """Run the Python blocks of a page, one after the other in one module, in a folder that has the examples."""
    shutil.copytree(ROOT / "examples", cwd / "examples", ignore=shutil.ignore_patterns("__pycache__"))
    (cwd / "page.py").write_text("\n".join(blocks(page, "python")), encoding="utf-8")
    result = subprocess.run(
        [python, "page.py"],
        cwd=cwd,
        env=environment(PYTHONPATH=str(ROOT / "src")),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_python_of_the_readme(tmp_path: Path) -> None:
    run_blocks(Path(sys.executable), ROOT / "README.md", tmp_path)
    assert len((tmp_path / "data/sums_from_python/train_raw.txt").read_text().splitlines()) == 2000


def test_python_of_the_api_page(tmp_path: Path) -> None:
    run_blocks(Path(sys.executable), ROOT / "docs/api.md", tmp_path)
    counts = {"sums": 1000, "from_config": 50, "even": 20, "by_hand": 2, "generated": 100}
    for name, count in counts.items():
        assert len((tmp_path / "data" / name / "train_raw.txt").read_text().splitlines()) == count


def test_python_of_the_sagemath_page(sage_test_python: Path, tmp_path: Path) -> None:
    run_blocks(sage_test_python, ROOT / "docs/sagemath.md", tmp_path)
    assert "a" in (tmp_path / "data/products/train_raw.txt").read_text()


def test_no_page_has_python_that_is_not_run() -> None:
    run = {"README.md", "docs/api.md", "docs/sagemath.md"}
    assert {name for name, page in zip(NAMES, PAGES, strict=True) if blocks(page, "python")} <= run


def test_ci_runs_every_command_in_bash_blocks() -> None:
    ci = {normalized(line) for line in (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()}
    commands = {normalized(line) for page in PAGES for block in blocks(page, "bash") for line in block.splitlines()}
    assert "make data" in commands
    assert not commands - ci


def normalized(line: str) -> str:
    """Return a shell command without its comment, spacing, and the subshell in which CI changes the folder."""
    line = " ".join(re.sub(r"(^|\s)#.*", "", line).split())
    inner = re.fullmatch(r"\(cd \S+ && (.*)\)", line)
    return inner[1] if inner else line


def test_the_readme_shows_the_examples_as_they_are() -> None:
    python = blocks(ROOT / "README.md", "python")[0]
    assert python in (ROOT / "examples/sums.py").read_text(encoding="utf-8")
    assert blocks(ROOT / "README.md", "yaml") == [(ROOT / "examples/sums.yaml").read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_to_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if not target.startswith("https://"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_snakemake_options_in_the_docs_exist(page: Path) -> None:
    line = [sys.executable, "-m", "snakemake", "--help"]
    known = set(re.findall(r"--[a-z-]+", subprocess.run(line, capture_output=True, text=True, check=True).stdout))
    shell = "".join(blocks(page, "bash") + blocks(page, "sh"))
    for command in re.findall(r"snakemake .*", shell):
        assert set(re.findall(r"(?<=\s)--[a-z-]+", command.partition("#")[0])) <= known, command
