# The one list of commands.  `make help` prints those with a `##` comment.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3

VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
EXPERIMENTS := build/experiments/venv
STAMPS := $(VENV)/stamps
PIP := $(BIN)/python -m pip --disable-pip-version-check
# The environment has its own cmake, ninja and linters: nothing else on the machine is used.
export CMAKE_BUILD_PARALLEL_LEVEL ?= $(shell nproc)
export PATH := $(BIN):$(PATH)

sources = $(shell find $(1) -type f -not -name '*.pyc' -not -name '.*')
C_SOURCES := CMakeLists.txt $(call sources,cmake include src)
PACKAGE_SOURCES := pyproject.toml README.md $(C_SOURCES) $(call sources,python)
C_FILES = $(shell git ls-files --cached --others --exclude-standard '*.c' '*.h')
PYTHON_FILES = $(shell git ls-files --cached --others --exclude-standard '*.py')

.PHONY: help build demo experiments test bench lint format docs clean
.PHONY: test-c test-sanitized test-python

help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(STAMPS)/package ## Make .venv/, in which `import quadcone`, `quadcone.torch` and `quadcone.jax` work

demo: build ## Learn 4x4 Sudoku and write a page about it: build/sudoku.html (minutes)
	python -m examples.sudoku --output build/sudoku.html

experiments: $(STAMPS)/experiments ## Run the papers' experiments, docs/experiments.md; QUICK=1: small
	$(EXPERIMENTS)/bin/python -m examples $(if $(QUICK),--quick)

test: test-c test-sanitized test-python ## Run all tests: C, C under sanitizers, Python
	python tools/check_layers.py
	python tools/check_sizes.py

test-c: $(STAMPS)/system $(STAMPS)/venv ## Run the C tests, optimized
	tools/test-c release

test-sanitized: $(STAMPS)/system $(STAMPS)/venv ## Run the C tests under AddressSanitizer and UBSan
	tools/test-c asan

test-python: build ## Run the Python tests
	python -m pytest tests/python --numprocesses "$$(nproc)"

bench: build ## Measure beside other solvers, on one thread: bench/results/, README.md
	python -m bench
	python tools/measured.py

lint: build $(STAMPS)/lint ## Check style, types, spelling, layers and sizes
	python tools/check_layers.py
	python tools/check_sizes.py
	@clang-format --dry-run --Werror $(C_FILES)
	cmake -S . -B build/lint -DCMAKE_EXPORT_COMPILE_COMMANDS=ON >build/lint.log
	@clang-tidy -p build/lint --quiet $(filter src/%.c,$(C_FILES)) 2>build/lint.log
	@ruff check $(PYTHON_FILES)
	@ruff format --check $(PYTHON_FILES)
	mypy
	codespell

format: $(STAMPS)/lint ## Rewrite sources in the project's style
	@clang-format -i $(C_FILES)
	@ruff check --fix $(PYTHON_FILES)
	@ruff format $(PYTHON_FILES)

docs: $(STAMPS)/docs ## Build the documentation: build/site/index.html
	NO_MKDOCS_2_WARNING=1 mkdocs build --strict --quiet
	@echo "build/site/index.html"

clean: ## Remove everything that was built, .venv/ included
	rm -rf build dist $(VENV) bench/.venv

# What the above rests on.  Each stamp is redone when what it depends on has changed.

$(STAMPS)/system: tools/install-system-packages
	$< $(PYTHON)
	@mkdir -p $(@D) && touch $@

$(STAMPS)/venv: tools/requirements-build.txt $(STAMPS)/system
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --requirement $<
	@mkdir -p $(@D) && touch $@

$(STAMPS)/package: $(PACKAGE_SOURCES) $(STAMPS)/venv
	$(PIP) install --quiet --no-deps --no-build-isolation .
	@touch $@

# What experiments are measured beside; after its own packages this environment sees those of .venv.
$(STAMPS)/experiments: examples/requirements.txt $(STAMPS)/package
	tools/install-system-packages $(PYTHON) images
	$(BIN)/python -m venv --clear $(EXPERIMENTS)
	$(EXPERIMENTS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	$(EXPERIMENTS)/bin/pip install --quiet --disable-pip-version-check --no-deps \
	    qpth==0.0.18 mlxtend==0.25.0
	$(BIN)/python -c "import sysconfig; print('import site; site.addsitedir(%r)' % \
	    sysconfig.get_path('purelib'))" >$$(echo $(EXPERIMENTS)/lib/python3*/site-packages)/ours.pth
	@touch $@

$(STAMPS)/%: tools/requirements-%.txt $(STAMPS)/venv
	$(PIP) install --quiet --requirement $<
	@touch $@
