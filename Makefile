# Thin wrappers: `make install`, then everything lives in .venv. A machine needs python3 (3.11 or newer) and make.

PYTHON ?= python3
BIN := .venv/bin
UV := $(BIN)/uv
export VIRTUAL_ENV := $(CURDIR)/.venv
export UV_NO_PROGRESS ?= 1
# Byte code is written once, here: also where programs may not write it, each of their starts saves a second.
export UV_COMPILE_BYTECODE ?= 1
# pytest rewrites each assertion, and keeps what it has rewritten: without that, each of its starts takes twice as long.
export PYTHONDONTWRITEBYTECODE :=

COMPILE := $(UV) pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

# One process for each core; workers take tests from one another, so that a long one does not leave the others idle.
PARALLEL := -n auto --dist worksteal

.DEFAULT_GOAL := help
.PHONY: help install test test-fast test-long tools audits bench check format demo schema lock clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 10

# uv is installed with pip, at the version that the lock pins (pip checks its hash as uv checks all the others').
$(UV):
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ogpgraph needs Python 3.11 or newer; choose one with PYTHON=…" >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null && $(PYTHON) -m venv --clear .venv || \
		{ rm -rf .venv; echo "$(PYTHON) cannot make an environment with pip; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@sed -n '/^uv==/,/^[^ ]/{/^uv==/p;/^ *--hash/p;}' requirements-dev.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r .venv/uv.lock

.venv/installed: $(UV) requirements-dev.lock pyproject.toml src/ogpgraph/__init__.py
	$(UV) pip install --quiet --require-hashes -r requirements-dev.lock
	$(UV) pip install --quiet --offline --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

install: .venv/installed ## make .venv with all that the locks pin, and ogpgraph itself from src/

test: .venv/installed ## run the tests on both engines; ARGS="-k …" selects some
	$(BIN)/pytest $(PARALLEL) -m "not long and not tools" $(ARGS)

test-fast: .venv/installed ## run the tests without those that start processes or need PostgreSQL
	$(BIN)/pytest $(PARALLEL) -m "not slow and not postgres and not long and not tools" $(ARGS)

test-long: .venv/installed ## before a release: the rest, and the property tests with many more examples
	$(BIN)/pytest $(PARALLEL) -m "long or hypothesis" --hypothesis-profile=long $(ARGS)

# Node and schemathesis have an environment of their own; the npm packages of a folder are those of its lock.
TOOLS := .venv/tools
NPM_FOLDERS := $(patsubst %/package.json,%,$(wildcard tests/*/package.json bench/*/package.json))
NPM_OF_TESTS := $(patsubst %,%/node_modules/installed,$(filter tests/%,$(NPM_FOLDERS)))

$(TOOLS)/installed: requirements-tools.lock .venv/installed
	$(UV) venv --quiet --clear --python $(BIN)/python $(TOOLS)
	VIRTUAL_ENV=$(CURDIR)/$(TOOLS) $(UV) pip install --quiet --require-hashes -r requirements-tools.lock
	@touch $@

%/node_modules/installed: %/package.json %/package-lock.json $(TOOLS)/installed
	cd $* && PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" npm ci --silent --no-audit --no-fund --fetch-retries=5
	@touch $@

tools: $(TOOLS)/installed $(NPM_OF_TESTS) ## install Node, schemathesis and the npm packages that some tests need

audits: tools .venv/installed ## run the tests of npm clients, graphql-http's audits, and a minute of generated operations
	OGPGRAPH_TEST_TOOLS=required $(BIN)/pytest -m tools $(ARGS)

bench: .venv/installed bench/serving/node_modules/installed ## measure how fast it serves, beside other servers: docs/measuring.md; ARGS="--rounds 3 …"
	$(BIN)/python -m bench.serving $(ARGS)

check: .venv/installed ## lint, format, types, layers
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy src tests bench
	$(BIN)/lint-imports --no-logo

format: .venv/installed ## format, and fix what the linter can fix
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

demo: .venv/installed ## a server with sample data
	$(BIN)/ogpgraph demo

schema: .venv/installed ## regenerate schema/ and the generated docs
	$(BIN)/ogpgraph schema --write

lock: $(UV) ## resolve the lock files again (UPGRADE=--upgrade takes newer versions)
	$(COMPILE) $(UPGRADE) pyproject.toml --output-file requirements.lock
	$(COMPILE) $(UPGRADE) pyproject.toml --extra postgres --group dev --constraint requirements.lock --output-file requirements-dev.lock
	$(COMPILE) $(UPGRADE) --group tools --output-file requirements-tools.lock
	for folder in $(NPM_FOLDERS); do \
		PATH="$(CURDIR)/$(TOOLS)/bin:$$PATH" npm install --prefix $$folder --package-lock-only --omit-lockfile-registry-resolved --silent --no-audit --no-fund; done

clean: ## remove what was made, but no database
	rm -rf .venv $(addsuffix /node_modules,$(NPM_FOLDERS)) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache dist
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} +
