# `make` alone lists the targets. Everything but the build works in .venv, which sets itself up.

VENV    := .venv
BIN     := $(VENV)/bin
WORKERS ?= auto

# The first interpreter on this machine that is new enough; empty if there is none.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11 python; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help setup demo browser test test-long e2e histories check format readme schema lab benchmark \
	bench lock \
	build build-RemediatorFunction clean need-python

help: ## List the targets
	@awk -F ':.*## ' '/^[a-zA-Z0-9-]+:.*## / {printf "  %-26s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

need-python:
	@test -n "$(PYTHON)" || { echo "No Python 3.11 or newer found. Install one, or name it:" \
		"make PYTHON=/path/to/python3" >&2; exit 1; }

# --- Set-up ---------------------------------------------------------------------------------------

setup: $(BIN)/.installed ## Create .venv with the locked dependencies and this project

# Runs again only when the lock changes.
$(BIN)/.locked: requirements/dev.txt | need-python
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make a virtual" \
		"environment (on Debian and Ubuntu: apt install python3-venv)." >&2; exit 1; }
	@echo "Setting up $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement requirements/dev.txt
	@touch $@

$(BIN)/.installed: $(BIN)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--no-build-isolation --editable .
	@touch $@

# --- For people -----------------------------------------------------------------------------------

demo: setup ## Show the main job: an alarm comes in, the lever is pulled (under a minute)
	@$(BIN)/remediator-lab demo

lab: setup ## Run every scenario of the lab, with and without the remediator
	@$(BIN)/remediator-lab all

wild: setup ## Play 1,000 worlds drawn at random, sliced by every property (SEED=N from another seed)
	@$(BIN)/remediator-lab wild --worlds 1000 --first-seed $(or $(SEED),10000)

benchmark: setup ## Print how fast the plant is, and how soon the remediator writes
	@$(BIN)/remediator-lab benchmark

# --- For developers -------------------------------------------------------------------------------

# A test opens the lab's page in Chromium. Where this cannot install it, that test says what to do.
browser: ## Install Chromium and its driver, for the tests (Debian, as root; only if missing)
	@if command -v chromedriver >/dev/null; then exit 0; fi; \
	if ! command -v apt-get >/dev/null || [ "$$(id -u)" != 0 ]; then \
		echo "Chromium's driver is missing, and only root can install it, with apt-get." >&2; exit 0; fi; \
	echo "Installing Chromium ..."; \
	apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq \
		--no-install-recommends chromium chromium-driver >/dev/null || \
		echo "Chromium could not be installed." >&2

test: setup browser ## Run all tests
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not long"

test-long: setup ## Run the long properties and storms
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long

histories: setup ## Live through 10,000 long fault histories, each checked at every write
	@$(BIN)/pytest -n $(WORKERS) --dist worksteal -m long tests/test_safe_hands.py -k any_long_mixture

# The endpoints' environment, apart from ours; set up again only when its lock changes.
E2E       := build/e2e
E2E_VENV  := .venv-e2e
$(E2E_VENV)/.locked: requirements/e2e.txt requirements/node/package-lock.json $(BIN)/.installed
	@test -x $(E2E_VENV)/bin/python || $(BIN)/python -m venv $(E2E_VENV)
	@echo "Setting up $(E2E_VENV) ..."
	@$(E2E_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement requirements/e2e.txt
	@cp requirements/node/*.json $(E2E_VENV)
	@npm ci --silent --prefix $(E2E_VENV) || echo "npm's endpoints could not be installed." >&2
	@touch $@

# A test spends most of its time waiting for an endpoint's own timers: several at once.
e2e: setup $(E2E_VENV)/.locked ## Deploy what is built to an AWS that nobody here wrote, on this machine, and live through incidents
	@$(MAKE) --no-print-directory build-RemediatorFunction ARTIFACTS_DIR=$(E2E)/artifact \
		LAMBDA_ARCH=$$(uname -m) \
		LAMBDA_PYTHON=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	@E2E_PYTHON=$(E2E_VENV)/bin/python E2E_ARTIFACT=$(E2E)/artifact E2E_NPM=$(E2E_VENV)/node_modules \
		$(BIN)/pytest tests/e2e -n 4 --dist worksteal --durations 5 -p no:cacheprovider

DOCS_VENV := .venv-docs
$(DOCS_VENV)/.locked: requirements/docs.txt | need-python
	@test -x $(DOCS_VENV)/bin/python || $(PYTHON) -m venv $(DOCS_VENV)
	@echo "Setting up $(DOCS_VENV) ..."
	@$(DOCS_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps \
		--requirement requirements/docs.txt
	@touch $@

site: $(DOCS_VENV)/.locked ## Build docs/ as a site into build/site
	@$(DOCS_VENV)/bin/mkdocs build --quiet --strict
	@echo "The site: build/site/index.html"

check: setup ## Hold format, lint, types, floors, template and permissions
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/cfn-lint template.yml
	@$(BIN)/python -m tests.policy_lint

format: setup ## Format the code and mend what lint can mend
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

schema: setup ## Write schemas/*.json anew from the records, and the tests' evidence bundles
	@$(BIN)/remediator schema report > schemas/report.schema.json
	@$(BIN)/remediator schema evidence > schemas/evidence.schema.json
	@$(BIN)/remediator schema event > schemas/event.schema.json
	@$(BIN)/remediator schema policy > schemas/policy.schema.json
	@$(BIN)/python -m tests.evidence

readme: setup ## Write the pages' generated blocks anew (LAB=out/lab.json for the lab's figures, too)
	@$(BIN)/python -m tests.readme_blocks $(LAB)

# UPGRADE=--upgrade takes newer versions; without it the locks follow pyproject.toml only.
COMPILE = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock" $(UPGRADE)

# For the Python that measures, on the machine that measures.
BENCH := build/bench
bench: setup ## Print start-up against its floor: import, first event, memory, size; seconds to the first write
	@$(MAKE) --no-print-directory build-RemediatorFunction ARTIFACTS_DIR=$(BENCH) \
		LAMBDA_ARCH=$$(uname -m) \
		LAMBDA_PYTHON=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])')
	@$(BIN)/python -m lab.startup $(BENCH)

measure: setup ## Print the house in numbers: lines by room, functions, arrows (AT=revision of git)
	@$(BIN)/python -m tests.measure $(AT)

lock: setup ## Write requirements/*.txt anew from pyproject.toml (UPGRADE=--upgrade for newer versions)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv>=0.9'
	@$(COMPILE) pyproject.toml --extra cli --extra html --extra lab --group dev -o requirements/dev.txt
	@$(COMPILE) pyproject.toml -c requirements/dev.txt $(addprefix --no-emit-package ,$(SDK)) \
		-o requirements/runtime.txt
	@echo boto3 | $(COMPILE) - -c requirements/dev.txt -o requirements/sdk.txt
	@$(COMPILE) --group e2e -o requirements/e2e.txt
	@$(COMPILE) --group docs -o requirements/docs.txt

# --- The artifact ---------------------------------------------------------------------------------

LAMBDA_PYTHON ?= 3.13
LAMBDA_ARCH   ?= x86_64
# What is left out: the Lambda runtime brings boto3 and what that needs. The remediator asks only for
# calls that have been in boto3 for years and sets its retries itself, so the runtime's version, which
# AWS keeps patched, is good enough; and 25 MB less to fetch is a shorter cold start for an alarm.
# LAMBDA_SDK=bundle puts the locked SDK in, for endpoints whose runtime has none.
LAMBDA_SDK    ?= runtime
SDK           := boto3 botocore s3transfer urllib3 python-dateutil six

# Amazon Linux 2 (up to Python 3.11) has glibc 2.26, Amazon Linux 2023 has 2.34. pip takes only the
# tags that it is told, so every older one that wheels are published for is named too.
GLIBC_AL2        := manylinux2014 manylinux_2_17 manylinux_2_24 manylinux_2_26
GLIBC_AL2023     := $(GLIBC_AL2) manylinux_2_27 manylinux_2_28 manylinux_2_31 manylinux_2_34
LAMBDA_MACHINE   := $(if $(filter arm64 aarch64,$(LAMBDA_ARCH)),aarch64,x86_64)
LAMBDA_PLATFORMS ?= $(addsuffix _$(LAMBDA_MACHINE),\
	$(if $(filter 3.11,$(LAMBDA_PYTHON)),$(GLIBC_AL2),$(GLIBC_AL2023)))

# Whichever has pip; Debian's own Python may come without.
BUILDER = $(shell for p in $(PYTHON) $(BIN)/python; do \
	$$p -m pip --version >/dev/null 2>&1 && echo $$p && break; done)

# Lambda's /var/task is read-only, so what is not shipped compiled is compiled at every cold start.
# Compiled files are of one minor version: that needs its interpreter here (python3.13), or a container
# that has it (sam build --use-container). By hash and unchecked, since packing changes times.
VERSIONED := $(wildcard $(HOME)/.pyenv/versions/$(LAMBDA_PYTHON).*/bin/python \
	$(HOME)/.local/share/uv/python/cpython-$(LAMBDA_PYTHON).*/bin/python3)
COMPILER = $(shell for p in python$(LAMBDA_PYTHON) $(PYTHON) $(BIN)/python $(VERSIONED); do \
	$$p -c 'import sys; sys.exit("%d.%d" % sys.version_info[:2] != "$(LAMBDA_PYTHON)")' 2>/dev/null && \
	command -v $$p && break; done)

build: ## Build the function's artifact into build/RemediatorFunction
	@$(MAKE) --no-print-directory build-RemediatorFunction ARTIFACTS_DIR=build/RemediatorFunction

# SAM calls this with ARTIFACTS_DIR. It needs a Python with pip, no set-up, and not Lambda's version:
# the wheels are chosen for LAMBDA_PYTHON on LAMBDA_ARCH. --no-deps, since the lock is complete and the
# SDK left out on purpose.
build-RemediatorFunction: need-python ## Build into ARTIFACTS_DIR=... [LAMBDA_PYTHON=3.13] [LAMBDA_ARCH=x86_64|arm64]
	@test -n "$(BUILDER)" || { echo "$(PYTHON) has no pip, which the build needs (on Debian and" \
		"Ubuntu: apt install python3-pip; or run 'make setup' first)." >&2; exit 1; }
	@test -n "$(ARTIFACTS_DIR)" || { echo "Say where to: make $@ ARTIFACTS_DIR=DIR" >&2; exit 2; }
	@rm -rf "$(ARTIFACTS_DIR)/remediator" "$(ARTIFACTS_DIR)/policies"
	@mkdir -p "$(ARTIFACTS_DIR)"
	@$(BUILDER) -m pip install --quiet --disable-pip-version-check --no-compile --upgrade --root-user-action ignore \
		--require-hashes --no-deps --only-binary=:all: \
		--implementation cp --python-version $(LAMBDA_PYTHON) $(addprefix --platform ,$(LAMBDA_PLATFORMS)) \
		--requirement requirements/runtime.txt \
		$(if $(filter bundle,$(LAMBDA_SDK)),--requirement requirements/sdk.txt) \
		--target "$(ARTIFACTS_DIR)"
	@cp -R remediator policies "$(ARTIFACTS_DIR)"
	@rm -rf "$(ARTIFACTS_DIR)/bin"
	@PYTHONPATH="$(ARTIFACTS_DIR)" "$(BUILDER)" -m remediator.prepared "$(ARTIFACTS_DIR)"/policies/*.yml
	@find "$(ARTIFACTS_DIR)" -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -n "$(COMPILER)" ]; then \
		env -u PYTHONPYCACHEPREFIX "$(COMPILER)" -m compileall -q -j 0 --invalidation-mode unchecked-hash \
			-s "$(ARTIFACTS_DIR)" -p /var/task "$(ARTIFACTS_DIR)"; \
	else echo "No Python $(LAMBDA_PYTHON) on this machine: the artifact ships no compiled files, and Lambda" \
		"compiles at every cold start. Install it, or build in a container that has it" \
		"(sam build --use-container)." >&2; fi

clean: ## Remove what was built and cached (not .venv)
	@rm -rf build dist out .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
