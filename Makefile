# Everything a newcomer needs: make demo, make test. Both make .venv first.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Installed anew only when what is to be installed has changed.
INSTALLED := $(VENV)/.installed

.PHONY: demo test check format bench bench-alarms bench-history bench-master bench-page bench-placement bench-profile bench-rate docs screenshots test-all test-lowest system-deps clean

demo: $(INSTALLED)
	$(BIN)/greenload demo

# Four at a time: most of what takes long waits for real seconds to go by. What measures times comes last, by itself; it
# is skipped where there is no Locust (make .venv-bench/bin/locust).
test: $(INSTALLED)
	$(BIN)/python -m pytest -n 4 --dist worksteal -m 'not alone'
	$(BIN)/python -m pytest -m alone

# Format, lint, types and the laws of the house: what to run before each commit.
check: $(INSTALLED)
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy --no-error-summary
	$(BIN)/python -m pytest --quiet tests/test_architecture.py

format: $(INSTALLED)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# Locust, hey, wrk and ab run beside greenload here, Locust in a venv of its own: peers, never dependencies.
bench: .venv-bench/.installed
	.venv-bench/bin/python -m bench

# A real master, and processes that play its workers.
bench-master: .venv-bench/.installed
	.venv-bench/bin/python -m bench.master

# Where the processor time of a request goes.
bench-profile: .venv-bench/.installed
	.venv-bench/bin/python -m bench.profile

# A thousand arrivals a second: whether all are delivered, and how late; wrk2 beside it where it is installed.
bench-rate: .venv-bench/.installed
	.venv-bench/bin/python -m bench.rate

# Pairs of runs that do not differ: how often a comparison says that they do.
bench-alarms: .venv-bench/.installed
	.venv-bench/bin/python -m bench.alarms

# An hour in the database: how large it becomes, how long it takes to write and to read.
bench-history: .venv-bench/.installed
	.venv-bench/bin/python -m bench.history

# Whether the generator wakes later because twenty browsers look at its page.
bench-page: .venv-bench/.installed
	.venv-bench/bin/python -m bench.page

bench-placement: .venv-bench/.installed
	.venv-bench/bin/python -m bench.placement

docs: .venv-docs/.installed
	.venv-docs/bin/python docs/make_reference
	.venv-docs/bin/mkdocs build --strict

# The pictures of the page in the documentation, of a real run in the system's Chromium.
screenshots: $(INSTALLED)
	$(BIN)/python docs/make_screenshots.py

# The whole suite on each Python that is installed, each in a venv of its own.
test-all:
	@set -e; for version in 3.10 3.11 3.12 3.13; do \
	  if python$$version -c 'import venv, ensurepip' 2>/dev/null; \
	  then echo "== Python $$version"; $(MAKE) --no-print-directory test PYTHON=python$$version VENV=.venv-$$version; \
	  else echo "== Python $$version is not installed here"; fi; \
	done

# The whole suite with the oldest releases setup.cfg allows: the lower bounds are tried, not guessed.
test-lowest:
	test -d .venv-lowest || $(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/pip install --quiet --disable-pip-version-check -c tests/constraints-lowest.txt -e '.[service,dev]'
	.venv-lowest/bin/python -m pytest -n 4 --dist worksteal -m 'not alone'

# What Debian has to bring for the whole of this Makefile: nginx, hey, wrk and ab (in apache2-utils) for the bench; ip,
# chromium and PostgreSQL for tests that are skipped without; nothing for demo.
system-deps:
	apt-get update -qq
	apt-get install -y -qq --no-install-recommends apache2-utils chromium git hey iproute2 make nginx-light openssl \
	  postgresql python3-venv util-linux wrk

clean:
	rm -rf .venv* build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(INSTALLED): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit("greenload needs Python 3.10 or newer, this is " + sys.version if sys.version_info < (3, 10) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[service,dev]'
	@touch $@

.venv-bench/.installed: setup.cfg bench/requirements.txt
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check -r bench/requirements.txt --editable '.[report,service]'
	@touch $@

# Locust without the rest of the bench, for the test that runs it beside greenload.
.venv-bench/bin/locust:
	test -x .venv-bench/bin/python || $(PYTHON) -m venv .venv-bench
	.venv-bench/bin/pip install --quiet --disable-pip-version-check $$(grep '^locust==' bench/requirements.txt)

.venv-docs/.installed: setup.cfg
	test -x .venv-docs/bin/python || $(PYTHON) -m venv .venv-docs
	.venv-docs/bin/pip install --quiet --disable-pip-version-check --editable '.[docs,service]'
	@touch $@
