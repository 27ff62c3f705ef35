"""Write manifest.json and SHA256SUMS: the job of the rule `manifest`."""

import argparse
import json
from pathlib import Path

from algebraset.jobs import job, write_manifest

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=json.loads, required=True, help="the resolved dataset as JSON")
    parser.add_argument("--keep-shards", action="store_true", help="the dataset keeps its shards")
    parser.add_argument("--recipe", type=Path, required=True, help="recipe.json of the dataset")
    args = parser.parse_args()
    with job(args.recipe):
        write_manifest(args.dataset | {"keep_shards": args.keep_shards}, args.recipe)
