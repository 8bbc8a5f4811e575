# `make demo` and `make test` set up what they need in .venv, from nothing but Python 3.11+ and the package registries.
# PYTHON=python3.13 makes .venv of another interpreter, where there is no .venv yet.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Where images of containers set it, each of some hundred processes would compile the same files again.
unexport PYTHONDONTWRITEBYTECODE
# pytest imports every file to find a mark: only those that have it are given to it.
ALONE = $$(grep -rl --include='test_*.py' 'mark\.alone' tests)

.PHONY: help demo test test-without-torch check check-code check-types check-wheel coverage slowest mutants fuzz faults bench bench-gpu docs check-docs clean

help:
	@echo "make demo    train a small suite, measure it, show when what was memorized (about 2 minutes)"
	@echo "make test    run the tests; make test PYTHON=python3.13 runs them on another Python, in a .venv of that"
	@echo "make check   style, types, import contracts, and the wheel in an empty environment"
	@echo "make coverage   run the tests and report which branches none of them takes"
	@echo "make slowest    run the tests and list those that take the most processor time, in tests/slowest.txt"
	@echo "make mutants   break the code in known ways, one at a time, and see the tests fail"
	@echo "make fuzz    damage 100,000 inputs of every parser and see each read or refused (hours; python -m fuzz TARGET for one)"
	@echo "make docs    write docs/commands.md and make a site of all pages, in .cache/site"
	@echo "make faults  let 300 faults strike jobs at random and count lost, doubled and wrong cells (half an hour; python -m faults --seed N)"
	@echo "make bench   speed and memory against the reference procedure, to docs/benchmarks.md (20 to 35 minutes)"
	@echo "make bench-gpu   the same on an NVIDIA GPU, at Pythia's sizes (10 minutes)"

$(VENV)/.made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "seenat needs Python 3.11 or newer, not " + sys.version.split()[0])'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25.1"
	@touch $@

# The demo measures models and draws a picture, and needs no other extra.
$(VENV)/.for-demo: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[jobs,plot]"
	@touch $@

$(VENV)/.installed: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[all]"
	@touch $@

$(VENV)/.without-torch: $(VENV)/.made pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --no-compile --constraint constraints.txt --editable ".[data,plot,postgres,s3,service]" --group test
	@touch $@

$(VENV)/.developing: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group dev
	@touch $@

demo: $(VENV)/.for-demo
	@$(BIN)/seenat demo
	@echo
	@echo "seenat is in $(VENV)/bin; first type:  . $(VENV)/bin/activate"

test: $(VENV)/.developing
	@PYTHON=$(BIN)/python sh .ci/browser
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile
	$(BIN)/python -m pytest -m alone $(ALONE)

# Its own environment, which has no torch: VENV says which. PostgreSQL answers every Python alike; what else is left out, and
# why, is in tests/support/briefly.py. In one process: .ci/other-pythons runs one beside another.
test-without-torch: $(VENV)/.without-torch
	$(BIN)/python -m pytest -m "not alone" -k "not postgresql" --without-torch --briefly

coverage: $(VENV)/.developing
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile --cov --cov-report=term --cov-report=html

slowest: $(VENV)/.developing
	$(BIN)/python -m pytest -m "not alone" --numprocesses auto --maxprocesses 4 --dist loadfile --slowest tests/slowest.txt

mutants: $(VENV)/.developing
	$(BIN)/python tests/house/mutants.py

fuzz: $(VENV)/.developing
	PYTHONPATH=tests $(BIN)/python -m fuzz
	PYTHONPATH=tests $(BIN)/python -m fuzz.service
	PYTHONPATH=tests $(BIN)/python -m fuzz.description

$(VENV)/.for-docs: $(VENV)/.developing
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --group docs
	@touch $@

docs: $(VENV)/.for-docs
	PYTHONPATH=src:tests $(BIN)/python -m support.commands_page
	$(MAKE) check-docs
	@echo "open .cache/site/index.html"

# A link or an anchor that leads nowhere is a warning, and ends it. The first page is the README, and a site's is index.html.
check-docs: $(VENV)/.for-docs
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going --conf-dir docs --doctree-dir .cache/site/.doctrees . .cache/site
	cp .cache/site/README.html .cache/site/index.html

faults: $(VENV)/.developing
	PYTHONPATH=tests $(BIN)/python -m faults --faults 300

# Its parts stand beside each other with --jobs.
check: check-types check-wheel check-docs check-code

check-code: $(VENV)/.developing
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

check-types: $(VENV)/.developing
	$(BIN)/mypy

check-wheel: $(VENV)/.developing
	PYTHON=$(BIN)/python sh .ci/check-wheel

bench: $(VENV)/.installed
	$(BIN)/python -m benchmarks

bench-gpu: $(VENV)/.installed
	$(BIN)/python -m benchmarks.gpu

clean:
	rm -rf $(VENV) .cache dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis
