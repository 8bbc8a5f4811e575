# `make demo` and `make test` set up everything they need in .venv, from nothing but Python 3.11+ and the package registries.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: help demo test check bench bench-gpu clean

help:
	@echo "make demo    train a small suite, measure it, show when what was memorized (about 2 minutes)"
	@echo "make test    run the tests"
	@echo "make check   style, types, import contracts, and the wheel in an empty environment"
	@echo "make bench   speed and memory against the reference procedure, to docs/benchmarks.md (20 to 35 minutes)"
	@echo "make bench-gpu   the same on an NVIDIA GPU, at Pythia's sizes (10 minutes)"

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seenat needs Python 3.11 or newer, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

demo: $(VENV)/.installed
	@$(BIN)/seenat demo
	@echo
	@echo "seenat is in $(VENV)/bin; first type:  . $(VENV)/bin/activate"

test: $(VENV)/.developing
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone

check: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	PYTHON=$(BIN)/python sh .ci/check-wheel

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

bench-gpu: $(VENV)/.installed
	$(BIN)/python -m benchmarks.gpu

clean:
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
