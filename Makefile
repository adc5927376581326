# Everything a newcomer needs: make demo, make test. Both make .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Installed anew only when what is to be installed has changed.
INSTALLED := $(VENV)/.installed

.PHONY: demo test check format bench docs test-all test-lowest system-deps clean

demo: $(INSTALLED)
	$(BIN)/greenload demo

test: $(INSTALLED)
	$(BIN)/python -m pytest

check: $(INSTALLED)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

$(INSTALLED): setup.cfg pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("greenload needs Python 3.10 or newer") if sys.version_info < (3, 10) else None'
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[service,dev]'
	touch $@
