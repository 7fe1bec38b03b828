# Works with GNU make 3.81 (macOS) and later.
PYTHON    ?= python3
LAB_IP    ?= 127.0.0.1
LAB_FLAGS ?=
NOTEBOOKS ?=
REPO      ?=
FOLDER    ?= course
SECTIONS  ?=
TORCH     ?=# cpu: PyTorch's CPU build, for Linux without an NVIDIA GPU; lock: that of requirements.lock
TORCH_FROM ?= --torch-backend=cpu# where uv finds the CPU build; a mirror: --find-links=FOLDER

VENV  := .venv
BIN   := $(VENV)/bin
READY := $(VENV)/.ready

# The kernels of the notebooks start in another folder. A name may have spaces; Python expands a ~.
absolute = $(if $(filter /% ~%,$(firstword $(value $1))),,$(CURDIR)/)$(value $1)

ifdef TUTORIAL_DATA_DIR
override TUTORIAL_DATA_DIR := $(call absolute,TUTORIAL_DATA_DIR)
export TUTORIAL_DATA_DIR
endif

ifdef TUTORIAL_NOTEBOOKS_DIR
override TUTORIAL_NOTEBOOKS_DIR := $(call absolute,TUTORIAL_NOTEBOOKS_DIR)
export TUTORIAL_NOTEBOOKS_DIR
endif

ifdef TUTORIAL_RUNS_DIR
override TUTORIAL_RUNS_DIR := $(call absolute,TUTORIAL_RUNS_DIR)
export TUTORIAL_RUNS_DIR
endif

unexport PYTHONDONTWRITEBYTECODE  # else every kernel compiles PyTorch anew, for seconds
# What leads Python, pip and uv away from .venv, as other programs' set-ups do.
unexport PYTHONPATH PYTHONHOME PYTHONUSERBASE PYTHONSTARTUP
unexport PIP_TARGET PIP_PREFIX PIP_USER UV_TARGET UV_PREFIX UV_SYSTEM_PYTHON

ifneq ($(filter-out cpu lock,$(TORCH)),)
$(error TORCH must be cpu or lock; got $(TORCH))
endif
torch_before := $(shell cat $(VENV)/.torch 2>/dev/null)
torch_now := $(or $(TORCH),$(torch_before),lock)

.DEFAULT_GOAL := help
.PHONY: help lab copies fresh test check claims assignment bench matrix notebooks publish record site venv lock clean rebuild

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

lab: home $(READY)  ## open your copies of the notebooks in JupyterLab (more flags: LAB_FLAGS=--no-browser)
	@$(BIN)/python tools/lab.py --ServerApp.ip="$(LAB_IP)" --log-level=WARN $(LAB_FLAGS)

copies: $(READY)  ## make your copies of the notebooks, without outputs; make lab does so by itself
	@$(BIN)/python tools/copies.py

fresh: $(READY)  ## make your copies anew, and keep the old ones beside them (some: NOTEBOOKS=02_losses)
	@$(BIN)/python tools/copies.py --fresh $(NOTEBOOKS)

test: $(READY)  ## run the unit, notebook and browser tests
	$(BIN)/python tools/run_tests.py

check: $(READY)  ## check format and style, notebooks included
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	test ! -x $(BIN)/actionlint || $(BIN)/actionlint  # neither is made for every system
	test ! -x $(BIN)/zizmor || $(BIN)/zizmor --offline --quiet .github

claims: $(READY)  ## measure what the notebooks claim, for all seeds (some: NOTEBOOKS="01 02")
	$(BIN)/python tools/claims.py $(NOTEBOOKS)

assignment: $(READY)  ## make the exercises a course for nbgrader: FOLDER=course (some: NOTEBOOKS="01 02")
	$(BIN)/python tools/assignment.py $(FOLDER) $(NOTEBOOKS)

bench: $(READY)  ## measure the speed into benchmarks/README.md (some: SECTIONS="step data")
	$(BIN)/python benchmarks/bench.py $(SECTIONS)

matrix: $(READY)  ## try every Python there is, oldest and newest versions, and hosts (gigabytes)
	$(BIN)/python tools/matrix.py

notebooks: $(READY)  ## run the notebooks and save their outputs (some: NOTEBOOKS=02_losses)
	$(BIN)/python tools/save_notebooks.py $(NOTEBOOKS)

publish: $(READY)  ## write Binder and Colab buttons: REPO=owner/name
	$(BIN)/python tools/publish.py "$(REPO)"

site: $(READY)  ## make web pages of it all in the folder site, executing nothing
	@$(BIN)/python -c 'import importlib.util as i, sys; sys.exit(not all(map(i.find_spec, sys.argv[1:])))' \
	  sphinx myst_nb sphinx_book_theme latex2mathml || { \
	  echo "Installing into $(VENV) what makes the pages: the extra site of pyproject.toml."; \
	  $(BIN)/uv pip install --python $(BIN)/python --quiet --constraint requirements.lock \
	    --requirement pyproject.toml --extra site; }
	$(BIN)/python tools/build_site.py

record: $(READY)  ## record anew what the site plays: runs of the training panel, the pad's network, the map
	$(BIN)/python -m tutorial_lib.playing.record
	$(BIN)/python -m tutorial_lib.playing.record_lenet
	$(BIN)/python -m tutorial_lib.labs.map.recorded

venv: $(READY)  ## set up .venv with what requirements.lock names

lock: $(READY)  ## resolve pyproject.toml anew into requirements.lock
	$(BIN)/uv --no-config pip compile --quiet --upgrade --universal --python-version 3.11 \
	  --extra lab --extra test --generate-hashes --no-header --no-emit-index-url --no-emit-find-links \
	  --output-file requirements.lock pyproject.toml

clean:  ## remove .venv and all caches
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis dist site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Half made, or its Python does not start (the one below it was upgraded away): begin anew.
ifneq ($(shell test -f $(READY) && $(BIN)/python -c 'print("starts")' 2>/dev/null),starts)
$(READY): rebuild
else ifneq ($(torch_now),$(or $(torch_before),lock))
$(READY): rebuild
endif

home:
	@test -d "$${HOME-}" && test -w "$${HOME-}" || { \
	  echo "HOME, '$${HOME-}', is no folder that can be written; uv and JupyterLab keep files there. Name one, as in: make HOME=/tmp $(MAKECMDGOALS)" >&2; \
	  exit 1; }

$(READY): requirements.lock pyproject.toml $(wildcard tutorial_lib/labextensions/*/static/*.js) | home
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "This needs Python 3.11 or newer, which $(PYTHON) is not; name one, as in: make PYTHON=python3.12 $(MAKECMDGOALS)" >&2; \
	  exit 1; }
	@echo "Setting up $(VENV); the first time this downloads PyTorch, which takes minutes."
	"$(PYTHON)" -m venv $(if $(filter rebuild,$^),--clear) $(VENV)
	$(BIN)/python -m pip install --quiet uv
ifeq ($(torch_now),cpu)
	$(BIN)/python tools/cpu_requirements.py requirements.lock $(VENV)
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --require-hashes --requirement $(VENV)/others.txt
	$(BIN)/uv pip install --python $(BIN)/python --no-deps $(TORCH_FROM) --requirement $(VENV)/torch.txt
else
	$(BIN)/uv pip install --python $(BIN)/python --require-hashes --requirement requirements.lock
endif
	$(BIN)/uv pip install --python $(BIN)/python --no-deps --editable .
	@echo $(torch_now) > $(VENV)/.torch
	@touch $@
