"""Concatenate the shards of a split into its final files: the job of the rules `concatenate*`."""

import argparse
import json
from pathlib import Path

from algebraset.jobs import concatenate, job

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=json.loads, required=True, help="the resolved dataset as JSON")
    parser.add_argument("--keep-shards", action="store_true", help="the dataset keeps its shards")
    parser.add_argument("--recipe", type=Path, required=True, help="recipe.json of the dataset")
    parser.add_argument("--split", required=True, help="name of the split")
    args = parser.parse_args()
    with job(args.recipe):
        concatenate(args.dataset | {"keep_shards": args.keep_shards}, args.recipe, args.split)
