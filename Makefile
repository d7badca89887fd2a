# The verbs a person types. Everything they need is installed on first use, into this folder.

PORT ?= 9090
HOST ?= 0.0.0.0
DATA_DIR ?= .data
PYTHON ?= python3
DURATION ?= 30m
BACKEND ?= docker
IMAGE ?= sentiment:latest
TORCH ?= cpu

# Test workers: one a core.
JOBS ?= logical

VENV := .venv
BIN := $(VENV)/bin
DATA_PATH := $(abspath $(DATA_DIR))
# All that BentoML writes goes under the data directory, and it reports to nobody.
SERVER_ENV = SENTIMENT_DATA_DIR="$(DATA_PATH)" BENTOML_HOME="$(DATA_PATH)/bentoml" BENTOML_DO_NOT_TRACK=True

# `tests/conftest.py` decides which tests come first and which share a worker. The workers use all
# cores: threads of their libraries would only wait for each other.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest \
	-n $(JOBS) --maxprocesses 8 --dist loadscope --no-loadscope-reorder --durations 15

PIP_COMPILE = $(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-find-links --no-header

LABEL_STUDIO := .venv-label-studio
LABEL_STUDIO_VERSION := 1.23.2

.PHONY: serve environments test test-fast e2e check docs load soak bench bench-bulk train bento image lock clean

serve: $(VENV)/.server
	@mkdir -p "$(DATA_PATH)/bentoml"
	@$(SERVER_ENV) exec $(BIN)/bentoml serve service:SentimentService --host $(HOST) --port $(PORT)

# All that the tests need; `-j2` installs both environments at the same time.
environments: $(VENV)/.dev $(LABEL_STUDIO)/.ready

test: environments
	$(PYTEST)

test-fast: $(VENV)/.dev
	$(PYTEST) -m "not e2e and not slow"

e2e: environments
	$(PYTEST) -m e2e

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m deploy.validate

# The site of the documents, into build/site; a warning is an error. The theme's own announcement is
# none of ours.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# The load tests start the servers that they need.
load: $(VENV)/.dev
	$(BIN)/python -m loadtests

soak: $(VENV)/.dev
	$(BIN)/python -m loadtests soak --duration $(DURATION)

# This server beside the tutorial's and LitServe's; needs wrk. Writes docs/benchmarks.*.
bench: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench

# preannotate beside the tutorial's script: rate, cores, memory and rows. Wants the machine for itself.
bench-bulk: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench.bulk

train: $(VENV)/.dev
	$(BIN)/python -m model_store train "$(DATA)" "$(OUT)"

# All that the server is, in BentoML's store below the data directory.
bento: $(VENV)/.server
	@mkdir -p "$(DATA_PATH)/bentoml"
	@$(SERVER_ENV) $(BIN)/bentoml build

# A container image of it, by docker or another BACKEND that BentoML knows; TORCH=cu130 for GPUs.
# BentoML looks for the template of the Dockerfile below the current folder, where it has its copy.
image: bento
	@cd "$${TMPDIR:-/tmp}" && $(SERVER_ENV) "$(CURDIR)/$(BIN)/bentoml" containerize sentiment:latest \
		--backend $(BACKEND) --image-tag $(IMAGE) --opt build-arg=TORCH=$(TORCH)

# The versions everybody gets: run after a change of the dependencies in pyproject.toml.
lock: $(VENV)/.dev
	$(PIP_COMPILE) -o requirements.txt pyproject.toml
	$(PIP_COMPILE) --all-extras -c requirements.txt -o requirements-dev.txt pyproject.toml
	sed -i 's/+cpu$$//' requirements.txt requirements-dev.txt

clean:
	rm -rf $(VENV) $(LABEL_STUDIO) .cache .data

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.server: $(BIN)/python requirements.txt pyproject.toml
	$(BIN)/pip install --quiet -r requirements.txt
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.server requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

# Label Studio's pins clash with other packages': it gets a virtual environment of its own.
$(LABEL_STUDIO)/.ready:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/pip install --quiet label-studio==$(LABEL_STUDIO_VERSION)
	@touch $@
