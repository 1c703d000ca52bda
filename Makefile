# make help: these lines; times on 2 cores, installation not counted.
# make quick: every table and figure on a tiny profile, in build/quick; two minutes.
# make repro: everything from raw files to tables and figures; 40 minutes.
# make test: lint, types and tests; 23 minutes.
# make bench: speed of the hot parts against a plain baseline, and steps at paper size.

SHELL := /bin/bash
PYTHON ?= python3
export PATH := $(CURDIR)/.venv/bin:$(PATH)
export PYTHONNOUSERSITE := 1

.PHONY: help quick repro test bench setup repository

help:
	@sed -n 's/^# \(make .*\)/\1/p' Makefile

setup: .venv/installed

.venv/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("btw needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	python -m pip install --quiet --disable-pip-version-check -r requirements.txt -e .
	touch $@

quick: setup
	python -m repro.stages.side_by_side --quick

# DVC runs stages one by one. Those that are not up to date run side by side first, and
# DVC is told; it finds nothing left to do then. On a cluster: docs/scale.md.
repro: setup repository
	python -m repro.stages.check
	python -m repro.stages.side_by_side
	dvc repro
	@echo "tables:  plots/*/*.md (Markdown), plots/*/*.tex (LaTeX), metrics/*.json (numbers)"
	@echo "report:  report/index.html (every table and figure on one page, works offline)"
	@echo "findings: docs/results.md (what the tables say, with its numbers)"
	@echo "figures: plots/*/*.svg and plots/*/*.pdf"
	@dvc plots show
	@echo "plots:   dvc_plots/index.html (DVC plots of all figures)"

# DVC wants a git repository; a download as an archive has none.
repository:
	@git rev-parse --git-dir >/dev/null 2>&1 || git init --quiet

test: setup repository
	ruff check .
	ruff format --check .
	mypy
	pytest -n 2

bench: setup
	python -m benchmarks.weights
	python -m benchmarks.moe_layer
	python -m benchmarks.unimodal
	python -m benchmarks.training_step
	python -m benchmarks.gpu_step
	python -m benchmarks.full_size
	python -m benchmarks.mtand
	python -m benchmarks.fusions
	python -m benchmarks.interaction
	python -m benchmarks.clinical_features
	python -m benchmarks.ingest
	python -m benchmarks.coverage
