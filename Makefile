# `make`: from a fresh clone to a trained, evaluated, packaged and installed pipeline.
# `make test`: the linter and the tests.

PYTHON ?= python3
BIN := .venv/bin

.PHONY: all test

all: .venv/installed
	$(BIN)/python -m spacy project run all

test: .venv/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/python -m pytest

.venv/installed: requirements.txt constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -r requirements.txt -c constraints.txt
	$(BIN)/python -m pip check
	touch $@

.venv/installed-dev: .venv/installed requirements-dev.txt requirements-benchmark.txt
	$(BIN)/python -m pip install --quiet -r requirements-dev.txt -r requirements-benchmark.txt -c constraints.txt
	$(BIN)/python -m pip check
	touch $@
