"""The command line, `python -m algebraset <verb>`: look at samples, run without Snakemake, check what was made."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from time import perf_counter
from typing import Any

from algebraset.config import load_config, select_dataset
from algebraset.errors import ConfigError, SampleError, plain_errors, sample_command
from algebraset.version import __version__

FORECAST_SECONDS = 10
DEFAULT_CONFIG = "config/config.yaml"


def main(argv: list[str] | None = None) -> int:
    """Run one verb; return the exit status."""
    return run_verb(parse(argv))


def parse(argv: list[str] | None = None) -> argparse.Namespace:
    """Return what the command line asks for; help and mistakes end here."""
    return _parser().parse_args(argv)


def run_verb(args: argparse.Namespace) -> int:
    """Run the verb of a command line; return the exit status."""
    with plain_errors():
        try:
            return args.verb(args)
        except BrokenPipeError:  # the reader, `head` say, has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


def sample(args: argparse.Namespace) -> int:
    """Print one sample with its seed, statistics and time."""
    from algebraset.formats import json_line, nested_string, text_line
    from algebraset.generate import (
        draw_sample,
        load_recipe,
        require_function_of_seed,
        sample_error,
        sample_problem_digest,
    )
    from algebraset.seeds import sample_seed
    from algebraset.statistics import SplitStatistics, dump_json

    dataset = select_dataset(load_config(args.configfile), args.dataset)
    recipe = load_recipe(dataset, _repeat(args))
    # A recipe.json is older than the splits that were added since, which errors in them name too.
    if args.split not in dataset["splits"] and Path(args.configfile).name != "recipe.json":
        raise ConfigError(f"no split {args.split!r}: the dataset has {', '.join(dataset['splits'])}")
    if args.index < 0:
        raise ConfigError(f"--index is {args.index}: samples are counted from 0")
    require_function_of_seed(recipe, args.split, args.index)
    draw = draw_sample(recipe, args.split, args.index, first=args.attempt or 0)
    try:
        strings = [nested_string(value, recipe.leaf_to_text) for value in (draw.problem, draw.answer)]
        line = text_line(*strings) if recipe.save_text else json_line(*strings)
        statistics = recipe.statistics(draw.problem, draw.answer) if recipe.statistics else None
        if statistics is not None:
            SplitStatistics().observe(statistics)
        check = "not configured" if recipe.check is None else bool(recipe.check(draw.problem, draw.answer))
    except (Exception, SystemExit) as error:
        raise sample_error(recipe, args.split, args.index, draw.attempt, error) from error
    sample_problem_digest(recipe, args.split, args.index, draw)  # an error where the problem cannot be compared
    print(line)
    print(f"problem     {_indented(draw.problem)}")
    print(f"answer      {_indented(draw.answer)}")
    print(f"seed        {sample_seed(recipe.root_seed, args.split, args.index, draw.attempt)}")
    print(f"attempt     {draw.attempt}" + "".join(f"\n  rejected: {reason}" for reason in draw.rejected))
    print(f"statistics  {dump_json(_plain(statistics)) if statistics is not None else 'not configured'}")
    print(f"check       {check}")
    print(f"time        {draw.seconds:.6f} s")
    if args.attempt is None and (dataset["leakage"] == "reject" or dataset["sample_timeout"] is not None):
        print("note        the dataset may hold a later attempt: leaks and timeouts are not looked at here (--attempt)")
    return 0 if check is not False else 1


def preview(args: argparse.Namespace) -> int:
    """Print the first samples of every split."""
    from algebraset.formats import json_line, nested_string, text_line
    from algebraset.generate import draw_sample, load_recipe, require_function_of_seed, sample_error

    datasets = load_config(args.configfile)
    chosen = datasets.values() if args.dataset is None else [select_dataset(datasets, args.dataset)]
    for dataset in chosen:
        recipe = load_recipe(dataset, _repeat(args, dataset["name"] if len(datasets) > 1 else None))
        for split, num_samples in dataset["splits"].items():
            print(f"{dataset['save_dir']}, {split}: {num_samples} samples")
            shown = min(args.samples, num_samples)
            if shown:
                require_function_of_seed(recipe, split, 0)
            begin = perf_counter()
            for index in range(shown):
                draw = draw_sample(recipe, split, index)
                try:
                    strings = [nested_string(value, recipe.leaf_to_text) for value in (draw.problem, draw.answer)]
                    line = text_line(*strings) if recipe.save_text else json_line(*strings)
                    right = recipe.check is None or recipe.check(draw.problem, draw.answer)
                except (Exception, SystemExit) as error:
                    raise sample_error(recipe, split, index, draw.attempt, error) from error
                print(f"  {line}")  # what cannot be printed is no fault of the sample
                if not right:
                    wrong = SampleError("check returned false: the answer is wrong")
                    raise sample_error(recipe, split, index, draw.attempt, wrong)
            if shown:
                pace = (perf_counter() - begin) / shown
                print(f"  {1000 * pace:.2f} ms a sample: about {_duration(pace * num_samples)} on one core")
        _print_forecast(dataset, recipe, args)
    return 0


def _print_forecast(dataset: Mapping[str, Any], recipe: Any, args: argparse.Namespace) -> None:
    """Say how many different problems the generator seems to make, against how many the dataset asks for."""
    from algebraset.duplicates import estimate_distinct
    from algebraset.generate import draw_sample, sample_problem_digest

    split = max(dataset["splits"], key=dataset["splits"].get)
    asked = sum(dataset["splits"].values())
    digests, begin = [], perf_counter()
    while len(digests) < min(args.forecast, dataset["splits"][split]) and perf_counter() - begin < FORECAST_SECONDS:
        draw = draw_sample(recipe, split, len(digests))
        digests.append(sample_problem_digest(recipe, split, len(digests), draw))
    if len(digests) < 2:
        return
    estimate, distinct = estimate_distinct(digests)
    seen = f"{distinct} different problems in {len(digests)} samples of {split!r}"
    if distinct == len(digests):
        print(f"{seen}: there are about {estimate:,} or more (Chao's lower bound); the dataset asks for {asked:,}")
        return
    print(f"{seen}: there are about {estimate:,} (Chao's estimate, a lower bound); the dataset asks for {asked:,}")
    if asked > estimate:
        print(
            f"WARNING: {asked:,} samples are more than there seem to be problems, so many will occur more than once, "
            "in one split or in several: make the problem space larger, ask for fewer samples, or set leakage: reject"
        )


def run(args: argparse.Namespace) -> int:
    """Generate the datasets of a config in this process and its workers, without Snakemake."""
    from algebraset.pipeline import run_config_dataset
    from algebraset.workers import Settings

    datasets = load_config(args.configfile)
    chosen = datasets.values() if args.dataset is None else [select_dataset(datasets, args.dataset)]
    for dataset in chosen:
        # Without workers Ctrl-C ends the run at once, also in C code, which Python would wait for.
        in_process = Settings.of(dataset, dataset["n_jobs"]).in_process
        signal.signal(signal.SIGINT, signal.SIG_DFL if in_process else signal.default_int_handler)
        repeat = _repeat(args, dataset["name"] if len(datasets) > 1 else None)
        run_config_dataset(dataset, repeat, overwrite=args.overwrite)
    return 0


def check(args: argparse.Namespace) -> int:
    """Verify the answers of a finished dataset, read from its JSON Lines files as text."""
    from algebraset.collect import check_answers
    from algebraset.functions import bind_check, load_function

    dataset = select_dataset(load_config(args.configfile), args.dataset)
    spec, backend = args.check or dataset["check"], args.backend or dataset["backend"]
    if spec is None:
        raise ConfigError("the dataset has no check function: name one with --check")
    function = bind_check(load_function(spec, backend, "check").call, dataset["generator_params"])
    wrong = 0
    for split, count, failed in check_answers(dataset, function):
        print(f"{split}: {count} answers, {len(failed)} wrong" + "".join(f"\n  {line}" for line in failed[:10]))
        wrong += len(failed)
    return 1 if wrong else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="algebraset", description="Datasets of computer algebra that anyone can rebuild."
    )
    parser.add_argument("--version", action="version", version=__version__)
    verbs = parser.add_subparsers(required=True, metavar="verb")

    def add(function: Any, **kwargs: Any) -> argparse.ArgumentParser:
        verb = verbs.add_parser(function.__name__, help=function.__doc__, description=function.__doc__, **kwargs)
        verb.set_defaults(verb=function)
        verb.add_argument("--configfile", default=DEFAULT_CONFIG, help="config file, recipe.json or manifest.json")
        verb.add_argument("--dataset", help="name in `datasets:` (needed only where there are several)")
        return verb

    one = add(sample)
    one.add_argument("--split", default="train", help="name of the split")
    one.add_argument("--index", type=int, default=0, help="number of the sample in its split, from 0")
    one.add_argument("--attempt", type=int, help="the first attempt to make (default: 0)")
    several = add(preview)
    several.add_argument("--samples", type=int, default=5, help="how many of each split")
    several.add_argument(
        "--forecast", type=int, default=2000, help="samples to estimate duplicates from (0 for none; 10 s at most)"
    )
    whole = add(run)
    whole.add_argument("--overwrite", action="store_true", help="replace a dataset of another config in save_dir")
    verify = add(check)
    verify.add_argument(
        "--check", help="check function, if not the config's: task, module:function or file.py:function"
    )
    verify.add_argument("--backend", help="whose version of a ready task's check, if not the dataset's backend")
    return parser


def _repeat(args: argparse.Namespace, dataset: str | None = None) -> str:
    name = args.dataset or dataset
    return sample_command(Path(args.configfile)) + (f" --dataset {shlex.quote(name)}" if name else "")


def _indented(value: Any) -> str:
    return repr(value).replace("\n", "\n            ")


def _plain(value: Any) -> Any:
    """Return statistics as JSON can show them (numbers of other libraries as text)."""
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return value if isinstance(value, bool | int | float) else str(value)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
