# `make`: from a fresh clone to a trained, evaluated, packaged and installed pipeline.
# `make serve`: the fast package as a service on http://127.0.0.1:8000, with a page to try it.
# `make test`: the linter and all tests. `make test-quick`: the tests that take a second or two.

PYTHON ?= python3
BIN := .venv/bin
PYTEST := $(BIN)/python -m pytest -n auto --dist loadfile

.PHONY: all serve test test-quick

all: .venv/installed
	$(BIN)/python -m spacy project run all

serve: .venv/installed-service
	$(BIN)/python -m spacy project run fast
	$(BIN)/python -m music_ner.service

# A process for each core, so one thread in each.
test test-quick: export OMP_NUM_THREADS = 1

test: .venv/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(PYTEST)
	cd benchmark && ../$(PYTEST)

test-quick: .venv/installed-test
	$(PYTEST) -m "not slow"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable ".[train]" -c constraints.txt
	$(BIN)/python -m pip check
	touch $@

.venv/installed-service: .venv/installed
	$(BIN)/python -m pip install --quiet --editable ".[train,service]" -c constraints.txt
	$(BIN)/python -m pip check
	touch $@

.venv/installed-test: .venv/installed benchmark/requirements.txt
	$(BIN)/python -m pip install --quiet --editable ".[train,test]" -r benchmark/requirements.txt -c constraints.txt
	$(BIN)/python -m pip check
	touch $@
