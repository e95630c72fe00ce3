# Bonafide: `make run FILE=photo.jpg` is all that is needed to begin; `make help` lists the rest.
# Needs Python 3.11 or newer and make. Packages come from wherever pip is set up to find them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHONPATH := $(CURDIR)/layers/core:$(CURDIR)/layers/inference
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# FILE, OPERATION and their like reach the programs through the environment, so that a URL with an
# ampersand or a name with a space needs no quoting here.
export FILE JSON OPERATION DIR OUT TENANT SCOPES NAME FUNCTION FOLLOW

VENV := .venv
PY := $(VENV)/bin/python
OLD_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c '$(OLD_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)
PINS := $(wildcard requirements/*.txt layers/*/requirements*.txt)
STAMP := $(shell cat $(PINS) /dev/null | cksum | tr ' ' '-')
SAM := SAM_CLI_TELEMETRY=0 $(PY) -m samcli
RUN_ENV := $(VENV)/.run-$(STAMP)
DEV_ENV := $(VENV)/.dev-$(STAMP)
TRAIN_ENV := $(VENV)/.train-$(STAMP)
LEARNED := synthetic_speech

.PHONY: help run up down status logs reset score test check coverage-spec bench bench-forensics bench-speech bench-video trust-lists train deploy openapi token clean venv venv-dev

help:  ## This list
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- the environment ------------------------------------------------------------------------------
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Bonafide needs Python 3.11 or newer with its venv module (on Debian: python3-venv). Point to one with PYTHON=…" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) …" >&2
	@$(PYTHON) -m venv --clear $(VENV)

$(RUN_ENV): | $(VENV)/bin/python
	@echo "Installing what it runs on (once, about a minute) …" >&2
	@$(PY) -m pip install -qq -r requirements/local.txt >&2
	@$(PY) -m pip install -qq --no-deps -r layers/inference/requirements-bare.txt >&2
	@rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.train-*
	@touch $@

$(DEV_ENV): | $(RUN_ENV)
	@echo "Installing what tests and checks need …" >&2
	@$(PY) -m pip install -qq -r requirements/dev.txt >&2
	@touch $@

$(TRAIN_ENV): | $(DEV_ENV)
	@echo "Installing what training needs …" >&2
	@$(PY) -m pip install -qq -r requirements/train.txt >&2
	@touch $@

venv: $(RUN_ENV)
venv-dev: $(DEV_ENV)

# ---- using it -------------------------------------------------------------------------------------
run: $(RUN_ENV)  ## Analyse FILE (a path, a URL, or several; a sample without one); JSON=1 prints the document
	@$(PY) -m localcloud run

up: $(RUN_ENV)  ## Start the local cloud and deploy to it
	@$(PY) -m localcloud up

down:  ## Stop it; everything is kept
	@if [ -x $(PY) ]; then $(PY) -m localcloud down; fi

status: $(RUN_ENV)  ## Whether it runs, where, and what is deployed
	@$(PY) -m localcloud status

logs: $(RUN_ENV)  ## Its log; FUNCTION=inspect for one function's; FOLLOW=1 to keep reading
	@$(PY) -m localcloud logs

reset: $(RUN_ENV)  ## Stop the local cloud and forget all analyses
	@$(PY) -m localcloud reset

token: $(RUN_ENV)  ## A new token for TENANT on the local cloud (SCOPES=a,b NAME=…)
	@$(PY) -m localcloud token

score: $(RUN_ENV)  ## Run one OPERATION over every file of DIR without any cloud, JSON lines to OUT
	@$(PY) -m localcloud.score "$$OPERATION" "$$DIR" "$${OUT:--}" $(ARGS)

# ---- building it ----------------------------------------------------------------------------------
test: $(DEV_ENV)  ## Every test (ARGS= goes to pytest)
	@$(PY) -m pytest $(ARGS)

check: $(DEV_ENV)  ## What CI runs: formatting, lint, types, template, workflow, API, security, tests
	@$(PY) -m tests.lint $(LINT)
	@$(PY) -m pytest $(ARGS)

bench: $(DEV_ENV)  ## Tables of speed, memory and cost
	@$(PY) -m benchmarks $(ARGS)

bench-forensics: $(DEV_ENV)  ## File forensics and provenance measured on the material in DATA
	@$(PY) -m benchmarks.forensics --data "$${DATA:-../shared/data}" $(ARGS)

bench-video: $(DEV_ENV)  ## Video: speed, memory, cost, and accuracy on the material in DATA
	@$(PY) -m benchmarks.video --data "$${DATA:-../shared/data}" $(ARGS)

bench-speech: $(DEV_ENV)  ## The synthetic voice detector measured on the material in DATA
	@$(PY) -m benchmarks.speech --data "$${DATA:-../shared/data}" $(ARGS)

trust-lists: $(RUN_ENV)  ## Install the public C2PA trust lists (DIR=folder: from files at hand)
	@$(PY) -m localcloud.trust_lists $(if $(DIR),--from "$(DIR)")

train: $(if $(filter $(LEARNED),$(MODEL)),$(TRAIN_ENV),$(DEV_ENV))  ## Make MODEL again from its data
	@$(PY) -m training.train $(MODEL) $(ARGS)

coverage-spec: $(DEV_ENV)  ## Which test proves which row of the vendors' specifications, and how it ended (ARGS=PHX)
	@$(PY) -m tests.coverage_spec --run $(ARGS)

openapi: $(DEV_ENV)  ## Write openapi/*.yaml from the code
	@$(PY) -m openapi $(ARGS)

deploy: $(RUN_ENV)  ## Build and deploy to the AWS account of your credentials (ARGS= goes to sam deploy)
	@$(SAM) build $(if $(shell command -v docker),--use-container)
	@$(SAM) deploy $(ARGS)

clean: down  ## Stop, and remove the environment and everything built; analyses stay (see reset)
	@rm -rf $(VENV) .aws-sam .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
