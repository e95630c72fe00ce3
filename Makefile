# Bonafide: `make run FILE=photo.jpg` is all that is needed to begin; `make help` lists the rest.
# Needs Python 3.11 or newer and make. Packages come from wherever pip is set up to find them.

SHELL := /bin/sh
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
export PYTHONPATH := $(CURDIR)/layers/core:$(CURDIR)/layers/inference
export PIP_DISABLE_PIP_VERSION_CHECK := 1

# FILE, OPERATION and their like reach the programs through the environment, so that a URL with an
# ampersand or a name with a space needs no quoting here.
export FILE JSON OPERATION DIR OUT TENANT SCOPES NAME FUNCTION FOLLOW DATA POLICY STACK

# `make model-add PATH=folder` names a folder, not where programs are. The search path that make itself was started
# with takes its place again before any program runs (where there is no /proc: the system's own).
ifeq ($(origin PATH),command line)
export MODEL_PATH := $(value PATH)
override PATH := $(or $(shell /usr/bin/tr '\0' '\n' < /proc/$$PPID/environ 2>/dev/null | /usr/bin/sed -n 's/^PATH=//p'),$(shell /usr/bin/getconf PATH):/usr/local/bin:/opt/homebrew/bin)
endif

VENV := .venv
PY := $(VENV)/bin/python
OLD_ENOUGH := import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3.13 python3.12 python3.11 python3 python; do \
	$$p -c '$(OLD_ENOUGH)' 2>/dev/null && { echo $$p; break; }; done)
PINS := $(wildcard requirements/*.txt layers/*/requirements*.txt functions/*/requirements.txt)
STAMP := $(shell cat $(PINS) /dev/null | cksum | tr ' ' '-')
SAM := SAM_CLI_TELEMETRY=0 $(PY) -m samcli
RUN_ENV := $(VENV)/.run-$(STAMP)
DEV_ENV := $(VENV)/.dev-$(STAMP)
RECIPES_ENV := $(VENV)/.recipes-$(STAMP)
TRAIN_ENV := $(VENV)/.train-$(STAMP)
LEARNED := face_manipulation synthetic_image synthetic_speech

.PHONY: test-recipes model-add model-list model-promote model-demote model-rollback model-remove model-weights policy-replay camera-add camera-list camera-remove
.PHONY: help run up down status logs reset score test check coverage-spec bench bench-forensics bench-image bench-speech bench-video trust-lists train deploy openapi token clean venv venv-dev

help:  ## This list
	@awk -F ':.*##' '/^[a-z-]+:.*##/ {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- the environment ------------------------------------------------------------------------------
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "Bonafide needs Python 3.11 or newer with its venv module (on Debian: python3-venv). Point to one with PYTHON=…" >&2; exit 1; }
	@echo "Making $(VENV) with $$($(PYTHON) --version) …" >&2
	@$(PYTHON) -m venv --clear $(VENV)

$(RUN_ENV): | $(VENV)/bin/python
	@echo "Installing what it runs on (once, about a minute) …" >&2
	@$(PY) -m pip install -qq -r requirements/local.txt >&2
	@$(PY) -m pip install -qq --no-deps -r layers/inference/requirements-bare.txt >&2
	@rm -f $(VENV)/.run-* $(VENV)/.dev-* $(VENV)/.recipes-* $(VENV)/.train-*
	@touch $@

$(DEV_ENV): | $(RUN_ENV)
	@echo "Installing what tests and checks need …" >&2
	@$(PY) -m pip install -qq -r requirements/dev.txt >&2
	@touch $@

$(RECIPES_ENV): | $(DEV_ENV)
	@echo "Installing PyTorch and what the recipes export (1.3 GB, two minutes) …" >&2
	@$(PY) -m pip install -qq -r requirements/recipes.txt >&2
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

# ---- models of your own (docs/models); STACK=name means that stack on AWS, else the local cloud ---------
model-add: $(RUN_ENV)  ## Check the model in PATH, measure it over DATA (genuine/, manipulated/), run it in shadow
	@$(PY) -m ownmodels add

model-list: $(RUN_ENV)  ## Your models: versions, how they stand, what was measured
	@$(PY) -m ownmodels list

model-promote: $(RUN_ENV)  ## Let NAME vote: what ran in shadow is fused from now on
	@$(PY) -m ownmodels promote

model-demote: $(RUN_ENV)  ## Let NAME vote no more; it goes on in shadow
	@$(PY) -m ownmodels demote

model-rollback: $(RUN_ENV)  ## Let NAME stand as before its last change
	@$(PY) -m ownmodels rollback

model-remove: $(RUN_ENV)  ## Run NAME no more, not even in shadow; its versions are kept
	@$(PY) -m ownmodels remove

model-weights: $(RUN_ENV)  ## Fit how the voting models of OPERATION are weighed, over DATA
	@$(PY) -m ownmodels weights

camera-add: $(RUN_ENV)  ## Learn the sensor pattern of camera NAME from its pictures in DATA (docs/cameras.md)
	@$(PY) -m ownmodels camera-add

camera-list: $(RUN_ENV)  ## The enrolled cameras
	@$(PY) -m ownmodels camera-list

camera-remove: $(RUN_ENV)  ## Compare pictures with camera NAME no more; its pattern is erased
	@$(PY) -m ownmodels camera-remove

policy-replay: $(RUN_ENV)  ## What POLICY would have changed in stored analyses (of TENANT, or exported in FILE)
	@$(PY) -m localcloud.replay

# ---- building it ----------------------------------------------------------------------------------
test: $(DEV_ENV)  ## Every test but the recipes' (ARGS= goes to pytest)
	@$(PY) -m pytest --ignore=tests/recipes $(ARGS)

test-recipes: $(RECIPES_ENV)  ## The recipes of docs/models, with PyTorch (installs it once)
	@$(PY) -m pytest $(or $(ARGS),tests/recipes)

check: $(RECIPES_ENV)  ## What CI runs: formatting, lint, types, template, workflow, API, security, tests
	@$(PY) -m tests.lint $(LINT)
	@$(PY) -m pytest $(ARGS)

bench: $(DEV_ENV)  ## Tables of speed, memory and cost
	@$(PY) -m benchmarks $(ARGS)

bench-forensics: $(DEV_ENV)  ## File forensics and provenance measured on the material in DATA
	@$(PY) -m benchmarks.forensics --data "$${DATA:-../shared/data}" $(ARGS)

bench-video: $(DEV_ENV)  ## Video: speed, memory, cost, and accuracy on the material in DATA
	@$(PY) -m benchmarks.video --data "$${DATA:-../shared/data}" $(ARGS)

bench-speech: $(DEV_ENV)  ## Synthetic voices, cuts and replays measured on the material in DATA
	@$(PY) -m benchmarks.speech --data "$${DATA:-../shared/data}" $(ARGS)

bench-image: $(DEV_ENV)  ## synthetic_image measured on the material in DATA
	@$(PY) -m benchmarks.image --data "$${DATA:-../shared/data}" $(ARGS)

trust-lists: $(RUN_ENV)  ## Install the public C2PA trust lists (DIR=folder: from files at hand)
	@$(PY) -m localcloud.trust_lists $(if $(DIR),--from "$(DIR)")

train: $(if $(filter $(LEARNED),$(MODEL)),$(TRAIN_ENV),$(DEV_ENV))  ## Make MODEL again from the material in DATA
	@$(PY) -m training.train $(MODEL) --data "$${DATA:-../shared/data}" $(ARGS)

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
