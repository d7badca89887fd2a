# The commands of the project, as `make TARGET`. The first use installs its packages into this folder.

PORT ?= 9090
HOST ?= 0.0.0.0
DATA_DIR ?= .data
PYTHON ?= python3
DURATION ?= 30m
BACKEND ?= docker
IMAGE ?= sentiment:latest

# Number of test processes; `logical` is one for each core.
JOBS ?= logical

VENV := .venv
BIN := $(VENV)/bin
DATA_PATH := $(abspath $(DATA_DIR))
# BentoML writes below the data folder and sends no usage reports.
SERVER_ENV = SENTIMENT_DATA_DIR="$(DATA_PATH)" BENTOML_HOME="$(DATA_PATH)/bentoml" BENTOML_DO_NOT_TRACK=True

# The build of torch that pip installs. For Linux, PyPI has the build with CUDA: gigabytes. Without an
# NVIDIA driver, pip also searches PyTorch's index of CPU builds, unless its configuration already
# names an index or a folder. TORCH=cu130 chooses another build; TORCH= leaves the choice to pip.
# An image gets the build that TORCH names, by default the CPU build, on any machine.
SYSTEM := $(shell uname -s)
NVIDIA ?= $(firstword $(wildcard /proc/driver/nvidia) $(shell command -v nvidia-smi))
PIP_CONFIG = ($(BIN)/pip config list || $(PYTHON) -m pip config list) 2>/dev/null
PIP_SOURCES = $(shell $(PIP_CONFIG) | grep -E '(index-url|find-links|no-index)=')
CPU_UNLESS_TOLD = $(if $(filter Linux,$(SYSTEM)),$(if $(NVIDIA)$(PIP_SOURCES),,cpu))
ifeq ($(origin TORCH),undefined)
IMAGE_TORCH := cpu
VENV_TORCH = $(CPU_UNLESS_TOLD)
else
IMAGE_TORCH := $(TORCH)
VENV_TORCH := $(TORCH)
endif
TORCH_INDEX = $(addprefix --extra-index-url https://download.pytorch.org/whl/,$(VENV_TORCH))

# `tests/conftest.py` decides which tests come first and which share a worker. The workers use all
# cores: threads of their libraries would only wait for each other.
PYTEST = OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 $(BIN)/pytest \
	-n $(JOBS) --maxprocesses 8 --dist loadscope --no-loadscope-reorder --durations 15

PIP_COMPILE = $(BIN)/pip-compile -q --strip-extras --no-emit-index-url --no-emit-find-links --no-header

LABEL_STUDIO := .venv-label-studio
LABEL_STUDIO_VERSION := 1.23.2

.PHONY: serve environments test test-fast e2e check docs pictures load soak bench bench-cpu bench-bulk bench-learning bench-domains bench-evidence bench-gate train bento image lock clean

serve: $(VENV)/.server
	@mkdir -p "$(DATA_PATH)/bentoml"
	@$(SERVER_ENV) exec $(BIN)/bentoml serve service:SentimentService --host $(HOST) --port $(PORT)

# Installs all that the tests need; `-j2` installs both environments at the same time.
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

# Builds the site into build/site; a warning is an error. The variable silences an announcement of
# the theme.
docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet

# Takes pictures of Label Studio with the browser tests and writes them to docs/pictures. Needs Chromium.
pictures: $(VENV)/.dev $(LABEL_STUDIO)/.ready
	CI=true PICTURES=docs/pictures $(BIN)/pytest -q tests/e2e/test_browser.py tests/e2e/test_console.py -k "editor or data_manager or console"

# The load tests start the servers that they need.
load: $(VENV)/.dev
	$(BIN)/python -m loadtests

soak: $(VENV)/.dev
	$(BIN)/python -m loadtests soak --duration $(DURATION)

# Compares this server with the tutorial's and with LitServe; needs wrk. Writes docs/benchmarks.*.
bench: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench

# Compares a worker's processor time per request with another checkout and a bare app; needs wrk.
bench-cpu: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench.cpu $(if $(BESIDE),--beside "$(BESIDE)")

# Compares preannotate with the tutorial's script. Run nothing else on the machine.
bench-bulk: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench.bulk

# Compares what projects learn with TF-IDF and, if TRANSFORMER names its folder, a sentence transformer.
bench-learning: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.bench.budget
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.bench.learning $(if $(TRANSFORMER),--transformer "$(TRANSFORMER)")

# Measures the shipped model on texts of other kinds than it learned from. Writes docs/domain-benchmarks.*.
bench-domains: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench.domains

# Compares evidence with other ways to find the words that matter. Writes docs/evidence-benchmarks.*.
bench-evidence: $(VENV)/.dev
	$(BIN)/python -m loadtests.bench.evidence

# Simulates projects and prints how often the promotion gate errs; an hour or more.
bench-gate: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m loadtests.bench.gate

train: $(VENV)/.dev
	$(BIN)/model-store train "$(DATA)" "$(OUT)" $(if $(TRANSFORMER),--transformer "$(TRANSFORMER)")

# Builds a Bento into BentoML's store below the data folder.
bento: $(VENV)/.server
	@mkdir -p "$(DATA_PATH)/bentoml"
	@$(SERVER_ENV) $(BIN)/bentoml build

# Builds a container image with docker or another BACKEND of BentoML's; TORCH=cu130 for GPUs.
# BentoML writes the template of the Dockerfile into the temporary folder, and finds it only there.
image: VENV_TORCH = $(CPU_UNLESS_TOLD)
image: bento
	@cd "$${TMPDIR:-/tmp}" && $(SERVER_ENV) "$(CURDIR)/$(BIN)/bentoml" containerize sentiment:latest \
		--backend $(BACKEND) --image-tag $(IMAGE) --opt build-arg=TORCH=$(IMAGE_TORCH)

# Pins the versions that everybody installs. Run it after a change of pyproject.toml's dependencies.
lock: $(VENV)/.dev
	$(PIP_COMPILE) -o requirements.txt pyproject.toml
	$(PIP_COMPILE) --all-extras -c requirements.txt -o requirements-dev.txt pyproject.toml
	sed -i 's/+cpu$$//' requirements.txt requirements-dev.txt

clean:
	rm -rf $(VENV) $(LABEL_STUDIO) .cache .data

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.server: $(BIN)/python requirements.txt pyproject.toml
	$(BIN)/pip install --quiet $(TORCH_INDEX) -r requirements.txt
	$(BIN)/pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.dev: $(VENV)/.server requirements-dev.txt
	$(BIN)/pip install --quiet -r requirements-dev.txt
	@touch $@

# Label Studio pins versions that conflict with ours: it gets its own virtual environment.
$(LABEL_STUDIO)/.ready:
	$(PYTHON) -m venv $(LABEL_STUDIO)
	$(LABEL_STUDIO)/bin/pip install --quiet label-studio==$(LABEL_STUDIO_VERSION)
	@touch $@
