# Each target makes the environment that it needs. `make` alone lists the targets.
# PYTHON=python3.12 chooses the interpreter (3.10 to 3.13, default python3).

SHELL := /bin/sh
export PYTHON ?= python3
ARGS ?=
# Tests mostly wait, so three processes fit two cores. A file stays in one process: its tests share fixtures.
PARALLEL ?= -n 3 --dist loadfile --no-loadscope-reorder
QUICK = .venv/bin/python -m pytest -m "not nightly" $(PARALLEL)

.DEFAULT_GOAL := help
.PHONY: help demo demo-ingest demo-events demo-operate ui test test-unit test-emulator test-e2e test-cluster test-nightly \
	test-matrix release-check test-mutation coverage lint words format docs docs-serve docs-drawings docs-pictures bench constraints venv \
	clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' Makefile

demo: ## Run the PayPal DAG on a real Airflow against the emulator
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demos connection

demo-ingest: ## Ingest a table into a dataset; run again to ingest only new rows
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demos ingestion

demo-events: ## Start a DAG by itself when a dataflow that no DAG made has landed data
	@scripts/venv .venv-demo -e '.[emulator]'
	@rm -rf .demo-events
	@.venv-demo/bin/python -m scripts.demos events

demo-operate: ## Show the state of sixty dataflows with the commands of this provider
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demos operate

ui: ## Show all example DAGs and sixty dataflows in Airflow's web interface; Ctrl-C stops it
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv-demo/bin/python -m scripts.demos ui

test: venv ## Run the tests of the first three layers (ARGS="-k explore" selects some)
	@$(QUICK) $(ARGS)

test-unit: venv ## Run the tests that need no process and no socket
	@$(QUICK) tests/unit $(ARGS)

test-emulator: venv ## Run the tests against the emulator
	@$(QUICK) tests/emulator $(ARGS)

test-e2e: venv ## Run the tests with a real Airflow or a new interpreter
	@$(QUICK) tests/e2e $(ARGS)

test-cluster: venv ## Break the cluster of compose.yaml, started here as processes, in every way
	@.venv/bin/python -m pytest tests/nightly/test_cluster.py $(ARGS)

test-nightly: venv ## Run all tests, with every kill and fault and many random examples
	@.venv/bin/python -m pytest $(PARALLEL) --hypothesis-profile=many $(ARGS)

test-matrix: venv ## Run the tests on every supported Airflow and Python (ARGS="-s lowest", ARGS=-l)
	@.venv/bin/nox $(ARGS)

release-check: venv ## Build wheel and source distribution in dist/, and check and install them
	@.venv/bin/nox -s release

test-mutation: venv ## Change the pure packages in every small way; the tests must fail
	@$(if $(ARGS),,rm -rf mutants)
	@AIRFLOW_HOME=$(CURDIR)/mutants/.airflow PYTEST_DISABLE_PLUGIN_AUTOLOAD=1 .venv/bin/mutmut run $(ARGS)
	@.venv/bin/mutmut export-cicd-stats >/dev/null
	@.venv/bin/mutmut results | .venv/bin/python -m scripts.survivors

# Before Python 3.12 a tracer loses the lines that follow an error thrown into a generator that another one carries
# out. That is one line and three branches of the reconciler, although tests run them: 99.6 % is all there is.
coverage: venv ## Measure the lines and branches that the tests run (ARGS=tests/unit/hooks adds to it)
	@$(if $(ARGS),,.venv/bin/coverage erase)
	@.venv/bin/coverage run -m pytest -m "not nightly" $(PARALLEL) $(or $(ARGS),--ignore tests/e2e)
	@.venv/bin/coverage combine --append --quiet
	@.venv/bin/coverage report
	@.venv/bin/coverage report --include='*/exactly_once/*' --fail-under=99.5 --precision=1 >/dev/null || \
		{ echo "exactly_once/ must be covered completely."; exit 1; }

lint: words ## Check style, format, types, spelling, short sentences, and the imports between packages
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy
	@.venv/bin/codespell
	@.venv/bin/lint-imports --no-logo
	@.venv/bin/python -m pytest -q tests/unit/docs/test_prose.py

# A name in camelCase is one word, a name in snake_case several. The second expression is names that others gave.
words: venv ## Find the words that docs/glossary.txt replaces
	@.venv/bin/codespell -D docs/glossary.txt -S './.*,./constraints,*.json,*.png,*.svg,./build,./mutants,./docs/glossary.txt' \
		-r '\b(?:at[ ]work|mapped[ ]over|away[ ]with[ ]it|is[ ]none|cannot[ ]be[ ]told)\b|[A-Za-z]+' \
		--ignore-regex 'operators.inlets|get_inlet|name: inlet|[Ii]nlet Url|Inlet does|service/inlet|attempt=|look_for_keys|["`][w]anted["`]' $(ARGS)

docs: venv ## Make the generated pages in docs/, then the site in build/site
	@scripts/venv .venv-demo -e '.[emulator]'
	@.venv/bin/python -m scripts.docs
	@AIRFLOW_HOME=$(CURDIR)/build/airflow .venv/bin/python -m sphinx -q -W --keep-going -j auto -c docs -d build/doctrees . build/site
	@echo "The site: build/site/index.html"

docs-serve: docs ## Serve the site on http://127.0.0.1:8000; Ctrl-C stops it
	@.venv/bin/python -m http.server --bind 127.0.0.1 --directory build/site 8000

docs-drawings: venv ## Render the drawings of the pages, after a change; needs npm and Chromium
	@.venv/bin/python -m docs.drawings

docs-pictures: venv ## Take the pictures of the pages from a real Airflow (ARGS="status doctor" takes some)
	@.venv/bin/python -m docs.pictures $(ARGS)

format: venv ## Format the code, and fix what ruff can fix
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: ## Measure this provider and its peers
	@scripts/venv .venv-bench -e '.[dev]' -r benchmarks/requirements.txt
	@.venv-bench/bin/python -m benchmarks $(ARGS)

constraints: venv ## Update the pinned versions for each Python
	@for version in 3.10 3.11 3.12 3.13; do \
		echo 'uv' | .venv/bin/uv pip compile -q --upgrade --no-header --no-annotate --python-version $$version \
			--extra dev pyproject.toml benchmarks/requirements.txt tests/e2e/requirements.txt - \
			-o constraints/$$version.txt >/dev/null && grep -H '^apache-airflow==' constraints/$$version.txt || exit 1; \
	done

venv: ## Make or update the development environment, .venv
	@scripts/venv .venv -e '.[dev]' -r tests/e2e/requirements.txt

clean: ## Delete the demos' state, caches and build results
	rm -rf .demo .demo-ingest .demo-events .demo-operate .ui .nox mutants .coverage* build dist
	rm -rf .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find . -path './.venv*' -prune -o -name __pycache__ -type d -exec rm -rf {} +

distclean: clean ## Delete the same, and the environments
	rm -rf .venv*
