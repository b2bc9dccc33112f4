# Needs only Python 3.11 and make. `make demo` and `make test` install what they need into .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt
WORKERS ?= 2

.PHONY: demo test slow check check-types check-docs format docs site bench fuzz properties clean

demo: $(VENV)/.demo
	$(BIN)/auscult demo --output-dir demo-out

# One thread for each worker: more of them only wait for each other.
test: $(VENV)/.dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(WORKERS) -m "not slow"

slow: $(VENV)/.peers
	$(BIN)/python -m pytest -n $(WORKERS) -m slow

check: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory --jobs 2 --output-sync check-types check-docs

check-types: $(VENV)/.dev
	$(BIN)/mypy

check-docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py --check

format: $(VENV)/.dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(VENV)/.dev
	$(BIN)/python docs/generate.py

# The documentation with search and the API reference: open build/site/index.html.
site: $(VENV)/.dev
	$(BIN)/python docs/build_site.py

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# The property tests with new examples, three times over; the everyday run draws the same ones each time.
properties: $(VENV)/.dev
	for round in 1 2 3; do HYPOTHESIS_PROFILE=random $(BIN)/python -m pytest -n $(WORKERS) -m "not slow" \
	  $$(grep -rlE "@given|@seed" tests --include=test_*.py) || exit 1; done

fuzz: $(VENV)/.dev
	$(BIN)/python -m benchmarks.fuzz --seconds $(or $(SECONDS),60)

clean:
	rm -rf $(VENV) build demo-out bench-out .mypy_cache .pytest_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[torch,html]'
	touch $@

$(VENV)/.dev: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) --editable '.[dev]'
	touch $@ $(VENV)/.demo

# The reference implementations that the slow tests hold ours against; without their pins, which contradict each other.
$(VENV)/.peers: $(VENV)/.dev peers.txt
	$(PIP) --no-deps --requirement peers.txt
	touch $@

$(VENV)/.bench: $(VENV)/.dev
	$(PIP) --editable '.[bench]'
	touch $@
