"""Report: the results of topics as Markdown, each with where, when and with what it was measured; the page of all."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from benchmarks.harness import ROOT, SAGE_PYTHON, Options

TITLE = "### "
MET, NOT_MET = "met", "**not met**"
BEGIN, END = "<!-- begin: written by `make bench` -->", "<!-- end: written by `make bench` -->"

PACKAGES = (
    "calt-x", "sympy", "python-flint", "gmpy2", "snakemake", "joblib", "pebble", "numpy",
)  # fmt: skip


def circumstances(options: Options) -> dict[str, Any]:
    """Return when, where, how thoroughly and with which versions a topic is measured."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "load": round(os.getloadavg()[0], 2),
        "commit": commit(),
        "quick": options.quick,
        "machine": machine(),
        "versions": versions(),
    }


def machine() -> dict[str, Any]:
    """Return processor, cores, memory and system."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "cpu": names[0] if names else "unknown processor",
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{os.uname().sysname} {os.uname().release.partition('-')[0]}",
    }


def commit() -> str:
    """Return the last commit that changed what is measured, with "-dirty" if that was changed since."""
    measured = ["--", "Snakefile", "src", "workflow"]

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(ROOT), *arguments, *measured]
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()

    return (git("log", "-1", "--format=%h") or "unknown") + ("-dirty" if git("status", "--porcelain") else "")


def versions() -> dict[str, str]:
    """Return the versions of everything that takes part."""
    found = {"Python": sys.version.split()[0]}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    for path in SAGE_PYTHON.parents[1].glob("lib/python*/site-packages/passagemath_singular-*.dist-info"):
        found["SageMath (passagemath)"] = path.name.removesuffix(".dist-info").partition("-")[2]
    return found


def table(topics: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> str:
    """Return the last results of each topic as Markdown: a section a topic, after a line that counts the goals met.

    Args:
        topics: per topic `circumstances`, with its `results` (those of `Result.as_json`).
        titles: what each topic is called, in the order of the sections.
    """
    return _joined({titles[name]: _section(topics[name]) for name in titles if name in topics})


def _section(topic: Mapping[str, Any]) -> str:
    place, software = topic["machine"], topic["versions"]
    lines = [
        f"{topic['date']} UTC, commit {topic['commit']}, load at the start {topic['load']}. {place['cpu']}, "
        f"{place['cores']} cores, {place['memory_gb']} GB, {place['system']}. "
        f"{', '.join(f'{name} {version}' for name, version in software.items())}.",
        "",
    ]
    if topic["quick"]:
        lines += ["**A quick run: it shows that the harness works, its numbers mean nothing.**", ""]
    lines += ["| | sides | median (least to most) | goal | |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(_cells(result, topic['quick']))} |" for result in topic["results"]]
    return "\n".join(lines)


def _joined(sections: Mapping[str, str]) -> str:
    text = "\n\n".join(f"{TITLE}{title}\n\n{section}" for title, section in sections.items()) + "\n"
    met, missed = (sum(line.endswith(f"| {end} |") for line in text.splitlines()) for end in (MET, NOT_MET))
    return f"{met} of {met + missed} goals are met.\n\n{text}"


def _cells(result: Mapping[str, Any], quick: bool) -> list[str]:
    sides = "; ".join(f"{name} {number(value)}" for name, value in result["sides_median"].items())
    if sides and result["sides_unit"]:
        sides += f" {result['sides_unit']}"
    judged = result["judged"]
    value = f"{number(statistics.median(judged))} {result['unit']}".strip()
    if len(judged) > 1:
        value += f" ({number(min(judged))} to {number(max(judged))}, n = {len(judged)})"
    goal = ""
    for sign, key in (("≥", "at_least"), ("≤", "at_most")):
        if result[key] is not None:
            goal = f"{sign} {result[key]:g} {result['unit']}".strip()
    verdict = "" if quick or result["met"] is None else MET if result["met"] else NOT_MET
    return [result["what"], sides, value, goal, verdict]


def number(value: float) -> str:
    """Return a number with three significant digits, large ones with separators."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write_page(page: Path, topics: Mapping[str, Mapping[str, Any]], titles: Mapping[str, str]) -> None:
    """Put topics' sections between the two marker comments of a page; those of other topics stay as they are.

    Args:
        page: the file.
        topics: as for `table`.
        titles: as for `table`.

    Raises:
        ValueError: the page has not both markers once each.
    """
    content = page.read_text(encoding="utf-8")
    if content.count(BEGIN) != 1 or content.count(END) != 1:
        raise ValueError(f"{page} needs each marker once: {BEGIN} and {END}")
    before, _, rest = content.partition(BEGIN)
    old, _, after = rest.partition(END)
    sections = dict(part.partition("\n")[::2] for part in old.split(f"\n{TITLE}")[1:])
    sections |= {titles[name]: _section(topic) for name, topic in topics.items()}
    text = _joined({title: sections[title].strip() for title in titles.values() if title in sections})
    page.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}", encoding="utf-8")
