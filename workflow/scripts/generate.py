"""Generate one batch and write its shard: the job of the rules `generate_*`."""

import argparse
from pathlib import Path

from algebraset.jobs import generate_batch, job, recipe_of

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("shard", type=Path, help="folder to write, SAVE_DIR/shards/SPLIT/NUMBER")
    parser.add_argument("--samples", required=True, metavar="START-STOP", help="indices of its samples, STOP excluded")
    parser.add_argument("--held-out", type=Path, nargs="*", default=[], help="digests of problems it must not have")
    parser.add_argument("--n-jobs", type=int, required=True, help="worker processes")
    parser.add_argument("--batch-size", type=int, required=True, help="samples after which the job can be continued")
    parser.add_argument("--recycle-after", type=int, help="samples after which a worker process is replaced")
    args = parser.parse_args()
    start, stop = map(int, args.samples.split("-"))
    with job(recipe_of(args.shard)):
        generate_batch(args.shard, start, stop, tuple(args.held_out), args.n_jobs, args.batch_size, args.recycle_after)
