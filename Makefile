# MCP. `make run` and `make test` work in a clean clone and any number of times.
SHELL := /bin/sh
VENV := .venv
PYTHON := $(VENV)/bin/python
# Stamps carry the checksum of the lock: another lock is another set-up.
RUN_READY := $(VENV)/.run-$(shell cksum < requirements.lock | cut -d' ' -f1)
DEV_READY := $(VENV)/.dev-$(shell cksum < requirements-dev.lock | cut -d' ' -f1)
PIP := $(PYTHON) -m pip install -qq --disable-pip-version-check --require-hashes --no-deps
# Checks use a data folder of their own, so that they neither need nor touch an installation.
CHECK := MCP_DATA_DIR=$(VENV)/check-data LOG_LEVEL=WARNING $(PYTHON)

.PHONY: help run test check format bench messages demo-data lock clean

help:
	@echo "make run        set up and start MCP (HOST, PORT, MCP_DATA_DIR and others: .env.example)"
	@echo "make test       set up, check, and run the tests on SQLite and on MongoDB + Redis"
	@echo "make check      style, types, import rules, Django's checks, migrations, translations"
	@echo "make format     bring the code into shape"
	@echo "make bench      measure"
	@echo "make messages   bring the translation files up to date"
	@echo "make demo-data  load the starter documents into an existing installation"
	@echo "make lock       resolve requirements*.txt into the lock files"
	@echo "make clean      remove .venv and caches; your data in ./var stays"

run: $(RUN_READY)
	@exec $(PYTHON) manage.py serve

test: check
	@$(PYTHON) tests/matrix.py $(ARGS)

check: $(DEV_READY)
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/ruff format --check --quiet .
	@MCP_DATA_DIR=$(VENV)/check-data $(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo 2>/dev/null || $(VENV)/bin/lint-imports
	@$(CHECK) manage.py check --deploy --fail-level WARNING
	@MCP_URL=https://mcp.example.org $(CHECK) manage.py check --deploy --fail-level WARNING
	@$(CHECK) manage.py makemigrations --check --dry-run
	@$(CHECK) manage.py messages --check

format: $(DEV_READY)
	@$(VENV)/bin/ruff check --fix --quiet . ; $(VENV)/bin/ruff format --quiet .

bench: $(DEV_READY)
	@for file in benchmarks/[a-z]*.py; do echo "== $$file"; $(PYTHON) $$file || exit 1; done

messages: $(DEV_READY)
	@$(CHECK) manage.py messages

demo-data: $(RUN_READY)
	@$(PYTHON) manage.py demo_data

lock: $(DEV_READY)
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		requirements.txt -o requirements.lock
	@$(VENV)/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
		-c requirements.lock requirements-dev.txt -o requirements-dev.lock

clean:
	@rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -not -path './var/*' -prune -exec rm -rf {} +

# python3 if it is new enough, else the newest that is there.
$(VENV)/.made:
	@for python in python3 python3.14 python3.13 python3.12 python3.11; do \
		if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			$$python -m venv $(VENV) && touch $@ && exit 0; \
			echo "MCP: $$python cannot make a virtual environment; on Debian: apt install python3-venv" >&2; exit 1; \
		fi; \
	done; echo "MCP needs Python 3.11 or newer; none was found as python3 or python3.11 to python3.14" >&2; exit 1

$(RUN_READY): $(VENV)/.made
	@echo "Installing what MCP needs into $(VENV) (once) ..." >&2
	@$(PIP) -r requirements.lock
	@touch $@

$(DEV_READY): $(VENV)/.made
	@echo "Installing what MCP and its tests need into $(VENV) (once) ..." >&2
	@$(PIP) -r requirements-dev.lock
	@touch $@
