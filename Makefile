# Everything a person types. `make` alone lists the targets.
PYTHON ?= python3
BIN := .venv/bin
TESTS ?= tests

.DEFAULT_GOAL := help
.PHONY: help run test deep check lint types contract generated mutants bench rehearse lock clean

help:  ## list these targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 18

run: .venv/.installed  ## the whole path on an embedded PostgreSQL: sources, working database, production
	@$(BIN)/dance sandbox run

test: .venv/.installed  ## all tests, against real PostgreSQL 16 and 18
	$(BIN)/pytest --numprocesses=2 --dist=loadgroup $(TESTS)

deep: .venv/.installed  ## the long tests: a million settings, soak, fuzzing
	$(BIN)/pytest -m deep --override-ini=addopts= --timeout=3600 $(TESTS)

check: lint types contract generated  ## ruff, mypy strict, the import contract, generated files

lint: .venv/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: .venv/.installed
	$(BIN)/mypy

contract: .venv/.installed
	$(BIN)/lint-imports --no-logo

generated: .venv/.installed
	$(BIN)/python -m settings.reference --check

mutants: .venv/.installed  ## mutation testing of settings/, a quarter of an hour; fails on a survivor without a reason
	$(BIN)/python -m tests.mutants $(MUTANTS)

bench: .venv/.bench  ## the figures of docs/benchmarks.md
	$(BIN)/python -m benchmarks

rehearse: .venv/.installed  ## all four modes as Render would run them, under load
	@$(BIN)/dance sandbox rehearse

lock: .venv/.installed  ## choose versions anew within pyproject.toml's ranges
	@for lock in requirements: requirements-dev:--extra=dev requirements-bench:--extra=bench; do \
	  $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --quiet $${lock#*:} --output-file $${lock%%:*}.lock || exit 1; \
	done

clean:  ## stop the sandbox, remove what was made here
	@test ! -x $(BIN)/dance || $(BIN)/dance sandbox stop
	rm -rf .venv .sandbox .mypy_cache .pytest_cache .ruff_cache .hypothesis mutants

.venv/.installed: requirements-dev.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.12 ...")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv from requirements-dev.lock ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.bench: requirements-bench.lock .venv/.installed
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bench.lock
	@touch $@
