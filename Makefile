# Everything from a bare clone: each target makes the virtual environment it needs.
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
WHOLLY_TESTED := connector/domain/*,connector/onfido/*,connector/services/*

# Without its bytecode on disk every process that a test starts would compile the connector anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test check format bench soak lock clean

demo: $(READY)
	$(BIN)/connector demo $(if $(ONCE),--once)

test: $(READY)
	$(BIN)/pytest -q -n 3 --dist worksteal --cov --cov-report=
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --include='$(WHOLLY_TESTED)' --fail-under=100

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.bench $(JSON)

soak: $(READY)
	$(BIN)/python -m tests.faults.soak $(ROUNDS)

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# What is deployed and tested, to the version: made anew from the ranges in pyproject.toml.
lock:
	rm -rf $(VENV)
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[postgresql]' --group dev
	$(BIN)/python -m pip freeze --exclude-editable > deploy/constraints.txt

$(READY): pyproject.toml deploy/constraints.txt
	python3 -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --constraint deploy/constraints.txt --editable '.[postgresql]' --group dev
	touch $@

clean:
	rm -rf $(VENV) .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
