"""Write the digests of a held-out split's problems, which later splits must not have: the job of the rule `digests`."""

import argparse
import json
from pathlib import Path

from algebraset.jobs import job, write_digests

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=json.loads, required=True, help="the resolved dataset as JSON")
    parser.add_argument("--recipe", type=Path, required=True, help="recipe.json of the dataset")
    parser.add_argument("--split", required=True, help="name of the split")
    args = parser.parse_args()
    with job(args.recipe):
        write_digests(args.dataset, args.recipe, args.split)
