# Every target installs what it needs on first use; later calls find the stamp and go straight on.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
DEMO ?= demo
BENCH ?= bench
# The tools of audit, sbom and test-matrix have an environment of their own: what they bring is no part of avfake.
TOOLS := .tools
SBOM ?= sbom.json
MATRIX ?= matrix
MUTANTS ?= 200

.PHONY: install demo docs test test-slow test-ray test-matrix coverage mutate bench lint audit sbom clean

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if (3, 11) <= v[:2] < (3, 14) else \
	    f"avfake needs Python 3.11, 3.12 or 3.13; {sys.executable} is {v[0]}.{v[1]}. " \
	    "Install one and name it: make PYTHON=python3.11 ...")'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,report,web,export,dev]'
	touch $(STAMP)

demo: $(STAMP)
	$(BIN)/python recipes/synthetic.py --out $(DEMO)

# Waiting threads of BLAS keep a core that another process of tests would use.
test test-slow coverage: export OMP_NUM_THREADS ?= 1

test: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0

test-slow: $(STAMP)
	$(BIN)/python -m pytest -m 'slow and not cuda and not ray'

test-ray: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,report,web,export,dev,ray]'
	$(BIN)/python -m pytest -m ray

# Interpreters at hand, each with the oldest, the pinned and the newest dependencies; the others are listed as not run.
test-matrix: $(STAMP) $(TOOLS)/.installed
	$(BIN)/python -m benchmarks test_matrix --uv $(TOOLS)/bin/uv --out $(MATRIX)

coverage: $(STAMP)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 --cov avfake --cov-report term-missing:skip-covered --cov-fail-under 90

# Mutants of three packages that no test notices. mutmut lies beside the environment: it brings a pytest of its own.
mutate: $(STAMP)
	test -d $(TOOLS)/mutation || $(BIN)/python -m pip install --quiet --target $(TOOLS)/mutation 'mutmut>=3.8'
	$(BIN)/python -m benchmarks mutate --tools $(TOOLS)/mutation --sample $(MUTANTS)

bench: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,report,dev,bench]'
	$(BIN)/python -m benchmarks speed --out $(BENCH)
	$(BIN)/python -m benchmarks prepare_throughput --out $(BENCH)
	$(BIN)/python -m benchmarks table --write docs/performance.md

docs: $(STAMP)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[train,report,dev,docs]'
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

$(TOOLS)/.installed:
	test -x $(TOOLS)/bin/python || $(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/python -m pip install --quiet 'cyclonedx-bom>=7' 'pip-audit>=2.9' 'uv>=0.9'
	touch $@

# Asks the registry about each pinned version. --strict: a version that could not be looked up is a failure.
audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip --strict

sbom: $(TOOLS)/.installed
	$(TOOLS)/bin/cyclonedx-py requirements constraints.txt --output-reproducible --output-format JSON --output-file $(SBOM)

clean:
	rm -rf $(VENV) $(DEMO) $(BENCH) $(TOOLS) $(MATRIX) $(SBOM) build *.egg-info
