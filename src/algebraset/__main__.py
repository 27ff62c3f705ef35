"""`python -m algebraset` and `algebraset`: restarted with fixed string hashing, as jobs run, so that samples repeat."""

import os
import sys

from algebraset import cli


def main() -> int:
    """Run the command line under PYTHONHASHSEED=0; return the exit status."""
    args = cli.parse()  # help and mistakes need no restart
    if sys.flags.hash_randomization:
        if os.environ.get("PYTHONHASHSEED") == "0":
            sys.exit("error: this Python ignores PYTHONHASHSEED=0: start it without -E, -I and -R")
        os.environ["PYTHONHASHSEED"] = "0"
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])
    return cli.run_verb(args)


if __name__ == "__main__":
    sys.exit(main())
