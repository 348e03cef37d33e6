# Every target sets up what it needs first; only a change of the locks or of pyproject.toml sets up again.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
LOCK := $(BIN)/uv pip compile pyproject.toml --quiet --universal --python-version 3.11 \
        --generate-hashes --no-emit-index-url --no-header $(LOCK_FLAGS)

# pyright otherwise asks the package registry whether it is the newest.
export PYRIGHT_PYTHON_IGNORE_WARNINGS := 1

# Tests that start programs, and mostly wait for them.
PROGRAMS := tests/acceptance tests/adapters tests/npm tests/transport
COMMANDS := tests/benchmarks tests/cli tests/contracts tests/server
# So that no group is left alone at the end.
NODES := tests/api tests/testing

.DEFAULT_GOAL := help
.PHONY: help install demo demo-npm generate test check pyright mypy lint-imports bench prove scenarios-remote lock clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' Makefile | expand -t 18

install: $(READY) ## Make .venv with perdure and everything its tests use

demo: $(READY) ## Run 200 orders, kill the process half-way, and count what was kept
	@$(BIN)/python -m demo

demo-npm: $(READY) ## Let an app of the npm package @trigger.dev/sdk do the same, and kill its server
	@$(BIN)/python -m demo.npm

generate: $(READY) ## Write anew what is written from other sources: the library for plain functions
	@$(BIN)/python -m tools.sync_io

test: $(READY) ## Run the tests, several processes at once
	@tests/run $(BIN)/python "$(PROGRAMS)" "$(COMMANDS)" tests/scenarios "$(NODES)"

check: $(READY) ## Run what CI runs: format, lint, types, rooms, tests
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target pyright mypy lint-imports
	@$(MAKE) --no-print-directory test

pyright mypy lint-imports: $(READY)
	$(BIN)/$@

bench: $(READY) ## Measure every workload beside what the machine allows
	@$(BIN)/python -m bench --all --table

prove: $(READY) ## Run the tests with many more seeds and rounds
	@PERDURE_PROVE=1 $(BIN)/python -m pytest --override-ini faulthandler_timeout=3600

scenarios-remote: $(READY) ## Run the scenarios with a server that executes them: behind HTTP, and in workers
	@PERDURE_SCENARIOS=http $(BIN)/python -m pytest tests/scenarios
	@PERDURE_SCENARIOS=worker $(BIN)/python -m pytest tests/scenarios

lock: $(READY) ## Write requirements/*.txt anew from pyproject.toml (LOCK_FLAGS=--upgrade for newer versions)
	$(LOCK) --all-extras --output-file requirements/runtime.txt
	$(LOCK) --all-extras --group dev --output-file requirements/dev.txt
	@$(MAKE) --no-print-directory install

clean: ## Remove .venv and every cache
	rm -rf .venv dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(READY): requirements/dev.txt requirements/install.sh pyproject.toml
	@requirements/install.sh $(PYTHON)
	@touch $@
