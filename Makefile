# make            sets up what is missing, then runs the default experiment (Snakemake takes it from there)
# make test       sets up what is missing, then runs the tests
# make small      the same workflow on a few items, in minutes
# make PYTHON=... another Python than python3 (3.11 to 3.14)

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/ready
JSPSYCH := data/assets/jspsych/index.browser.min.js
SLURM := slurmctld slurmd slurm-client slurm-wlm-basic-plugins

# Where the environment forbids it, as container images do, every start would compile torch, pandas and Snakemake again:
# 14 s of a processor for a dry run in place of 2, since uv installs no compiled files.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: all env test test-slurm small lint format docs benchmark lock clean

all: env $(JSPSYCH)
	$(BIN)/snakemake

# Not a part of the workflow: the study's page has a runner of its own where this cannot be fetched.
$(JSPSYCH): | env
	@$(BIN)/posterity fetch jspsych || echo "the study's page will use its own runner in place of jsPsych"

env: $(READY)

test: env
	$(BIN)/pytest -n 2 --dist worksteal $(PYTEST)

# A real SLURM on this machine, for minutes: see docs/cluster.md. Who asks for it gets it, or the line that says how.
test-slurm: env
	@command -v slurmctld >/dev/null || [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || \
	  { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $(SLURM); }
	$(BIN)/pytest tests/slurm --slurm $(PYTEST)

small: env
	$(BIN)/snakemake --configfile config/config.yaml config/ci.yaml

lint: env
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

format: env
	$(BIN)/ruff check --fix
	$(BIN)/ruff format
	$(BIN)/snakefmt Snakefile rules

docs: env
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

benchmark: env
	$(BIN)/python -m benchmarks

# The environment is rebuilt when the pins change. No package is taken that requirements.txt has no hash for.
# uv takes a sixth of pip's time; where it cannot run or reach what pip can, pip does what is left. Its cache lies on the
# disk of the environment, which then shares its files, and goes afterwards.
$(READY): requirements.txt pyproject.toml tools/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 15))' 2>/dev/null || { \
	  echo "posterity needs Python 3.11 to 3.14, $(PYTHON) is $$($(PYTHON) --version 2>&1); try: make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/pip || $(PYTHON) -m venv .venv
	{ $(BIN)/pip install --only-binary :all: --require-hashes -r tools/uv.txt && \
	  $(BIN)/uv pip install --python $(BIN)/python --cache-dir .venv/uv --require-hashes -r requirements.txt; } || { \
	  echo "uv cannot install here, pip does"; $(BIN)/pip install --require-hashes -r requirements.txt; }
	rm -rf .venv/uv
	$(BIN)/pip install --no-deps --no-build-isolation -e .
	@touch $@

# Pins for every platform at once; versions that are pinned already stay unless they must move.
LOCK := .venv-lock/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-annotate --custom-compile-command 'make lock'
lock:
	test -x .venv-lock/bin/uv || { $(PYTHON) -m venv .venv-lock && .venv-lock/bin/pip install uv; }
	$(LOCK) pyproject.toml --extra dev --output-file requirements.txt
	echo uv | $(LOCK) - --output-file tools/uv.txt
	$(PYTHON) tools/pins.py

clean:
	rm -rf results logs site .snakemake
