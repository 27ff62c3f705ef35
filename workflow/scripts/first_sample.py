"""Try the functions of a dataset on its first sample and write down its recipe: the job of `first_sample_*`."""

import argparse
import json
from pathlib import Path

from algebraset.jobs import job, try_first_sample

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=json.loads, required=True, help="the resolved dataset as JSON")
    parser.add_argument("--recipe", type=Path, required=True, help="recipe.json to write")
    args = parser.parse_args()
    with job(args.recipe):
        try_first_sample(args.dataset, args.recipe)
