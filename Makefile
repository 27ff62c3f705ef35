# make data    the default dataset, in data/       make test    all tests
# make lint    ruff, snakefmt, snakemake --lint    make clean   remove what make made
# make bench   all benchmarks (docs/performance.md), some three hours on a machine that does nothing else
# Everything runs in .venv of this clone; PYTHON chooses the interpreter (3.11 or newer), CORES the processes.

PYTHON ?= python3
CORES ?= 2
BENCH_ARGS ?= --page
BIN := .venv/bin

.PHONY: data test lint bench clean

data: .venv/data
	$(BIN)/snakemake --cores $(CORES)

test: .venv/test
	$(BIN)/python tests/environments.py  # SageMath among them: about a minute and 1.5 GB, once
	$(BIN)/python -m pytest -n $(CORES) --dist loadfile --no-loadscope-reorder $(PYTEST_ARGS)

lint: .venv/test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/snakemake --lint

# In an environment of its own, which has the peer too. For parts: make bench BENCH_ARGS=--quick, ... (see --help)
bench: .venv-bench/made
	PYTHONPATH=tests .venv-bench/bin/python -c 'import environments; environments.sage()'
	.venv-bench/bin/python -m benchmarks $(BENCH_ARGS)

clean:
	rm -rf .venv .venv-* .snakemake data/polynomial_factorization benchmarks/results .pytest_cache .ruff_cache .hypothesis

.venv/bin/python:
	$(PYTHON) -c 'import sys; sys.exit("algebraset needs Python 3.11 or newer, this is " + sys.version.split()[0] + ": make PYTHON=...") if sys.version_info < (3, 11) else 0'
	$(PYTHON) -m venv .venv

# The stamps say what is installed: data needs the pinned requirements, test the tools for tests as well.
.venv/data: .venv/bin/python requirements.txt pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@

.venv/test: .venv/data requirements-dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@

.venv-bench/made: requirements.txt benchmarks/requirements.txt pyproject.toml
	$(PYTHON) -m venv --clear .venv-bench
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -r benchmarks/requirements.txt
	.venv-bench/bin/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	touch $@
