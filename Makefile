# Everything happens in .venv; a stamp in it says what is installed, so that a second call installs nothing.
PYTHON ?= python3
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
DEMO := runs/demo

.PHONY: demo docs test lint format bench clean

.venv/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, set PYTHON=")'
	$(PYTHON) -m venv .venv
	touch $@

.venv/lab: .venv/python pyproject.toml constraints.txt
	$(PIP) --editable '.[lab]'
	touch $@

.venv/dev: .venv/lab
	$(PIP) --editable '.[lab,docs,dev]'
	touch $@

.venv/docs: .venv/lab
	$(PIP) --editable '.[lab,docs]'
	touch $@

demo: .venv/lab
	$(BIN)/warmstart compare --data digits --width 8 --stream growing --rounds 4 --seeds 8 \
		--strategies cold,warm,shrink-perturb --out $(DEMO)

docs: .venv/docs
	PYTHONPATH=tools $(BIN)/python -m docsite --out site

test: .venv/dev
	$(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

lint: .venv/dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/lint-imports

format: .venv/dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: .venv/lab
	$(BIN)/python benchmarks/run.py --threads 1 --json runs/cpu-1-thread.json --page runs/performance.md

clean:
	rm -rf .venv runs site
