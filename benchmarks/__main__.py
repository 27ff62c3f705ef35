"""Run benchmarks and write one table of the last results of all topics; `make bench` runs all and writes the page."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
import traceback

from benchmarks import report
from benchmarks.harness import ROOT, Options

TOPICS = {
    "startup": "Start-up",
    "text": "Text of a ring element",
    "sampler": "Samplers, one polynomial",
    "ground_types": "Ground types, one sample of a ready task",
    "per_sample": "Where the time goes, per sample",
    "loop": "The loop that makes samples, against a bare loop in short turns",
    "engine": "Engine",
    "engine_workflow": "Engine, through the workflow",
    "calt": "Against calt-x",
    "growth": "How the cost grows, per sample",
    "memory": "Memory",
    "collect": "Collecting",
    "workflow": "The workflow itself, ours over a bare Snakefile",
}
RESULTS = ROOT / "benchmarks" / "results"
PAGE = ROOT / "docs" / "performance.md"


def main() -> int:
    """Run the chosen topics and write the table; return 1 if a topic failed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("topics", nargs="*", metavar="topic", help=f"which to run, by default all: {', '.join(TOPICS)}")
    parser.add_argument("--quick", action="store_true", help="show that the harness works; judges nothing")
    parser.add_argument("--repeats", type=int, default=5, help="how often each side is measured (default 5)")
    parser.add_argument("--no-run", action="store_true", help="only write the table of what was measured before")
    parser.add_argument(
        "--page", action="store_true", help="put it into docs/performance.md too, where topics without results stay"
    )
    args = parser.parse_args()
    unknown = set(args.topics) - set(TOPICS)
    if unknown:
        parser.error(f"no topic {', '.join(sorted(unknown))}: there are {', '.join(TOPICS)}")
    if args.page and args.quick:
        parser.error("a quick run is not for the page")
    options = Options(1, quick=True) if args.quick else Options(args.repeats)
    folder = RESULTS / "quick" if args.quick else RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    failed = False
    for topic in () if args.no_run else args.topics or TOPICS:
        begin = time.perf_counter()
        print(f"{topic} ...", file=sys.stderr, flush=True)
        try:
            measured = report.circumstances(options)
            measured["results"] = [r.as_json() for r in importlib.import_module(f"benchmarks.{topic}").measure(options)]
        except Exception:  # the other topics are worth having
            traceback.print_exc()
            failed = True
            continue
        measured["took_s"] = round(time.perf_counter() - begin)
        (folder / f"{topic}.json").write_text(json.dumps(measured, indent=2) + "\n", encoding="utf-8")
        print(f"{topic}: {measured['took_s']} s", file=sys.stderr, flush=True)
    found = {topic: folder / f"{topic}.json" for topic in TOPICS}
    whole = {topic: json.loads(path.read_text(encoding="utf-8")) for topic, path in found.items() if path.exists()}
    text = report.table(whole, TOPICS)
    (folder / "table.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    (folder / "table.md").write_text(text, encoding="utf-8")
    print(text)
    if args.page:
        report.write_page(PAGE, whole, TOPICS)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
