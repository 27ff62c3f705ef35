"""The benchmarks do not rot: the harness runs, quick, where calt-x is not needed; the table says what was measured."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import divided, engine, engine_workflow, harness, jobs, loop, report, startup, workflow
from benchmarks.harness import Result, alternate, compare


def as_topic(*results: Result, **changed: object) -> dict[str, object]:
    """Return a topic as it is saved, in circumstances that are the same each time."""
    same = {"date": "2001-02-03 04:05", "commit": "abc", "load": 0.1, "quick": False, "versions": {"sympy": "1"}}
    place = {"machine": {"cpu": "a processor", "cores": 2, "memory_gb": 4, "system": "a system"}}
    return same | place | {"results": [result.as_json() for result in results]} | changed


def test_the_median_decides_and_the_table_says_it() -> None:
    slow = compare("speed", "s", {"ours": [1.0, 2.0, 1.0], "theirs": [4.0, 4.0, 2.0]}, at_least=3.0)
    fast = compare("speed", "1/s", {"ours": [4.0], "theirs": [1.0]}, more_is_better=True, at_least=3.0)
    assert (slow.judged, slow.met(), fast.judged, fast.met()) == ([4.0, 2.0, 2.0], False, [4.0], True)
    small = Result("size", [1.0, 3.0, 2.0], unit="MB", at_most=2.0)
    lines = report.table(
        {"one": as_topic(slow, small), "two": as_topic(Result("x", [1e6]))}, {"one": "One", "two": "Two"}
    )
    assert "1 of 2 goals are met." in lines
    assert "| speed | ours 1; theirs 4 s | 2 x (2 to 4, n = 3) | ≥ 3 x | **not met** |" in lines
    assert "| size |  | 2 MB (1 to 3, n = 3) | ≤ 2 MB | met |" in lines
    assert "| x |  | 1,000,000 x |  |  |" in lines
    assert lines.index("### One") < lines.index("### Two")


def test_topics_say_where_they_were_measured_and_quick_runs_judge_nothing() -> None:
    result = Result("size", [1.0], at_most=2.0)
    other = as_topic(result, versions={"sympy": "2"}, quick=True)
    lines = report.table({"one": as_topic(result), "two": other}, {"one": "One", "two": "Two"})
    assert "load at the start 0.1. a processor, 2 cores, 4 GB, a system. sympy 1." in lines
    assert "load at the start 0.1. a processor, 2 cores, 4 GB, a system. sympy 2." in lines
    assert lines.count("numbers mean nothing") == 1 and "1 of 1 goals are met" in lines
    assert lines.count("| met |") == 1


def test_sides_take_turns() -> None:
    order: list[str] = []
    alternate({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert "".join(order) == "abbaab"


def test_the_page_takes_new_results_and_keeps_those_of_other_topics(tmp_path: Path) -> None:
    page, titles = tmp_path / "page.md", {"one": "One", "two": "Two", "three": "Three"}
    page.write_text(f"above\n{report.BEGIN}\n{report.END}\nbelow\n")
    fast, slow = Result("fast", [1.0], at_most=2.0), Result("slow", [3.0], at_most=2.0)
    report.write_page(page, {"two": as_topic(slow), "three": as_topic(fast)}, titles)
    report.write_page(page, {"one": as_topic(fast), "two": as_topic(fast, date="2002")}, titles)
    in_turn = page.read_text()
    report.write_page(page, {}, titles)
    assert page.read_text() == in_turn
    whole = {"one": as_topic(fast), "two": as_topic(fast, date="2002"), "three": as_topic(fast)}
    page.write_text(f"above\n{report.BEGIN}\n{report.END}\nbelow\n")
    report.write_page(page, whole, titles)
    assert page.read_text() == in_turn
    assert report.table(whole, titles) in in_turn and "3 of 3 goals are met." in in_turn
    assert in_turn.startswith("above\n") and in_turn.endswith("\nbelow\n")
    page.write_text("no markers")
    with pytest.raises(ValueError, match="each marker once"):
        report.write_page(page, whole, titles)


def test_the_page_has_a_section_for_each_topic() -> None:
    page = command.PAGE.read_text(encoding="utf-8")
    assert [line[4:] for line in page.splitlines() if line.startswith("### ")] == list(command.TOPICS.values())


def test_topics_run_and_results_of_several_runs_make_one_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr(harness, "SAGE_PYTHON", Path("none"))
    for name in ("addition", "ten_additions"):  # their sampler is calt-x's
        monkeypatch.delitem(engine.LIMITS, name)
    monkeypatch.delitem(engine_workflow.GENERATORS, "ten_additions")
    monkeypatch.delitem(loop.CHUNKS, "ten_additions")
    for topics in (["text", "per_sample", "loop", "engine"], ["engine_workflow", "collect"]):
        monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", *topics])
        assert command.main() == 0
    table = (tmp_path / "quick" / "table.md").read_text(encoding="utf-8")
    whole = json.loads((tmp_path / "quick" / "table.json").read_text())
    assert list(whole) == ["text", "per_sample", "loop", "engine", "engine_workflow", "collect"]
    assert all(len(topic["results"]) > 5 for topic in whole.values())
    assert table in capsys.readouterr().out


def test_a_topic_that_fails_costs_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "RESULTS", tmp_path)
    monkeypatch.setattr("benchmarks.calt.measure", lambda options: 1 / 0)
    monkeypatch.setattr("benchmarks.text.measure", lambda options: [Result("text", [1.0])])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick", "calt", "text"])
    assert command.main() == 1
    assert list(json.loads((tmp_path / "quick" / "table.json").read_text())) == ["text"]


def test_the_jobs_of_the_benchmarks_are_those_of_the_workflow(tmp_path: Path) -> None:
    data = tmp_path / "data"
    dataset = jobs.prepare(data, **jobs.SUMS, splits={"train": 10}, batch_size=10)
    harness.execute(jobs.generate(data, 10, "--n-jobs=1", "--recycle-after=5"))
    for job in jobs.collect(data, dataset).values():
        harness.execute(job)
    assert len((data / "train_raw.txt").read_text().splitlines()) == 10
    assert (data / "SHA256SUMS").is_file()


def test_start_up_ends_at_the_first_sample(tmp_path: Path) -> None:
    job = startup.first_sample(tmp_path, Path(sys.executable), "sympy")
    assert harness.execute(job).wall > 0
    assert not list((tmp_path / "data" / "shards" / "train").glob("0*"))


def test_a_run_of_the_workflow_is_divided_without_rest() -> None:
    begin = time.perf_counter()
    parts = divided.workflow("sums", 40)
    taken = time.perf_counter() - begin
    assert min(parts.values()) > -0.05  # the clock of files is coarse
    assert 0 < sum(parts.values()) < harness.WORKERS * taken
    assert parts[divided.GENERATOR] < 0.1  # of forty cheap samples
    starts = parts["start of the generate jobs, to their first samples"]
    assert starts > divided.BATCHES * 0.05  # nothing imports its modules faster


def test_a_run_of_the_api_is_divided_without_rest(tmp_path: Path) -> None:
    divided.run_pipeline("sums", 1, str(tmp_path / "first"))  # imports, which are no part of a run
    begin = time.perf_counter()
    parts = divided.run_pipeline("sums", 20_000, str(tmp_path / "second"))
    taken = time.perf_counter() - begin
    assert min(parts.values()) > 0
    assert sum(parts.values()) == pytest.approx(harness.WORKERS * taken, rel=0.2)
    assert parts["start of the workers, to the first samples"] > harness.WORKERS * 0.05


def test_the_bare_snakefile_runs(tmp_path: Path) -> None:
    folder = workflow.bare(tmp_path / "bare", 2)
    assert workflow.snakemake(folder).wall > 0
    assert len([path for path in folder.rglob("*.jsonl") if path.stat().st_size]) == 2
    assert (folder / "all").is_file()


def test_a_finished_run_that_is_made_up_has_nothing_to_do(tmp_path: Path) -> None:
    folder = workflow.ours(tmp_path / "ours", 2)
    workflow.finish(folder, 2)
    files = {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")}
    workflow.snakemake(folder)
    assert len(files) > 10
    assert files == {path: path.stat().st_mtime_ns for path in (folder / "data").rglob("*")}
