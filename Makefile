# Every target makes the environment it needs; `make` alone lists them.
# PYTHON=python3.12 chooses the interpreter (3.10 to 3.13, default python3).

SHELL := /bin/sh
export PYTHON ?= python3
ARGS ?=
# Tests wait more than they work. Whole files go to one process each: they share what is costly to start.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder

.DEFAULT_GOAL := help
.PHONY: help demo demo-ingest ui test test-crash test-matrix test-mutation coverage lint format bench \
	venv measuring clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

demo: ## Run the PayPal DAG on a real Airflow against the emulator
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demo $(ARGS)

demo-ingest: ## Bring a table into a dataset; run again, only what is new
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demo_ingest $(ARGS)

ui: ## All example DAGs in Airflow's web interface, to click through; Ctrl-C ends it
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.ui $(ARGS)

test: venv ## Run the tests (ARGS="-k explore" narrows them)
	@.venv/bin/python -m pytest -m "not crash" $(PARALLEL) $(ARGS)

test-crash: ## Run the tests with the whole of the exactly-once checks
	@scripts/venv .venv-crash -e '.[dev]' -r tests/e2e/requirements.txt
	@.venv-crash/bin/python -m pytest -m "crash or not crash" $(PARALLEL) --hypothesis-profile=many --keep-figures $(ARGS)

test-matrix: venv ## Run them on every Airflow and Python claimed (ARGS=--help)
	@.venv/bin/python -m scripts.matrix $(ARGS)

test-mutation: measuring ## Change what is pure in every small way; the tests must notice
	@.venv-measuring/bin/python -m scripts.mutation $(ARGS)

coverage: measuring ## Measure which lines and branches the tests run
	@PARALLEL="$(PARALLEL)" .venv-measuring/bin/python -m scripts.branch_coverage $(ARGS)

lint: venv ## Check style, formatting and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

format: venv ## Format the code and mend what ruff can mend by itself
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: ## Measure this provider beside its peers
	@scripts/venv .venv-bench -e '.[dev]' -r tests/benchmarks/requirements.txt
	@.venv-bench/bin/python -m tests.benchmarks $(ARGS)

measuring:
	@scripts/venv .venv-measuring -e '.[dev]' -r scripts/mutation/requirements.txt

venv: ## Make or refresh the development environment, .venv
	@scripts/venv .venv -e '.[dev]'

clean: ## Forget the demos' state, caches and build results
	rm -rf .demo .demo-ingest .ui .matrix mutants .coverage* build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## clean, and the environments too
	rm -rf .venv*
