# Every target starts from a fresh clone: each one first makes sure of the environment in .venv.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup repro test stress lint format types contracts constraints clean

PYTHON ?=
VENV := .venv
STAMP := $(VENV)/.headway-setup
ARGS ?=
# A stage's `python` must be the environment's own, also when DVC starts it.
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# Threads that spin while they wait make busy machines ten times slower.
export OMP_WAIT_POLICY ?= PASSIVE
export MLFLOW_DISABLE_TELEMETRY ?= true
# pyright otherwise asks the registry for its newest version at every start.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

help:  ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 22

setup: $(STAMP)  ## The environment alone, in .venv (PYTHON=... names an interpreter)

repro: $(STAMP)  ## The environment and the whole pipeline: everything that is not up to date
	dvc repro $(ARGS)

test: lint  ## The environment and all checks: lint, types, import contracts, tests (ARGS="-k word" narrows them)
	OMP_NUM_THREADS=1 python -m pytest -n 2 --dist loadfile --no-loadscope-reorder $(ARGS)

stress: $(STAMP)  ## 2,000 broken drives of every format, and 20 kills of score (ARGS="--seed 7": others)
	OMP_NUM_THREADS=1 python -m tests.stress $(ARGS)

lint: $(STAMP)  ## Lint, format, types and import contracts
	ruff check
	ruff format --check
	pyright
	lint-imports

format: $(STAMP)  ## Put the code into its one format, and repair what ruff can
	ruff check --fix
	ruff format

# The pins are resolved without this machine's wheels, so that they hold on every machine. Needs uv.
constraints:  ## Resolve constraints.txt anew
	env -u UV_FIND_LINKS uv pip compile --quiet --universal --python-version 3.11 --extra dev --extra simulation --upgrade \
	  --custom-compile-command "make constraints" pyproject.toml --output-file constraints.txt

clean:  ## Remove the environment and all caches; artifacts and the tracking database stay
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis *.egg-info
	find models pipeline tests -type d -name __pycache__ -prune -exec rm -rf {} +

$(STAMP): pyproject.toml constraints.txt
	@bash tools/setup.sh $(VENV) $(PYTHON)
	@touch $@
