# Every target runs from a bare clone: it creates the virtual environment that it needs.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
READY := $(VENV)/.ready
CHECKS := .venv-deploy
CHECK_PYTHON := $(PYTHON) -c "import sys; v = sys.version_info[:2]; sys.exit(v < (3, 11) and \
    'Python 3.11 or newer is needed; $(PYTHON) is %d.%d. Install one, then: make PYTHON=python3.11' % v)"
UNUSABLE := $(shell $(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null || echo yes)
WHOLLY_TESTED := connector/domain/*,connector/onfido/*,connector/services/*
# Tests of other trees, installations and processes that are killed: what they run, others measure too.
UNMEASURED := tests/faults tests/upgrades tests/test_architecture.py tests/test_guides.py tests/test_install.py

# Without bytecode on disk every process that a test starts would compile the connector again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test coverage browser-test check format bench sizing soak faults lock clean anew deploy-check image-test \
    sbom

demo: $(READY)
	@$(BIN)/connector demo $(if $(ONCE),--once)

test: $(READY)
	$(BIN)/pytest -q -n 3 --dist worksteal --ignore=tests/browser

# Measuring doubles the time, so it is a separate run. The tests over PostgreSQL run the same lines as those
# over SQLite, and are left out.
coverage: $(READY)
	$(BIN)/pytest -q -n 3 --dist worksteal -m 'not postgresql' --ignore=tests/browser \
	    $(UNMEASURED:%=--ignore=%) --cov --cov-report=
	$(BIN)/coverage report --fail-under=95
	$(BIN)/coverage report --include='$(WHOLLY_TESTED)' --fail-under=100

# The console's pages in Debian's Chromium; BROWSER_PICTURES=folder keeps a picture of each.
browser-test: $(READY)
	$(BIN)/pytest -q -n 2 --dist loadscope -m browser tests/browser

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

bench: $(READY)
	$(BIN)/python -m tests.bench $(JSON)

# 1, 2 and 4 processes, CPU time of an event, and the size of a million verifications on disk.
sizing: $(READY)
	BENCH_PARTS=sizing $(BIN)/python -m tests.bench $(JSON)

# Two hosts, a proxy, a database 1 ms away, processes that are replaced: `make soak MINUTES=60 JSON=soak.json`.
soak: $(READY)
	MINUTES='$(MINUTES)' JSON='$(JSON)' $(BIN)/python -m tests.soak

# Schedules of killed processes, cut connections and failures.
faults: $(READY)
	$(BIN)/python -m tests.faults.schedules $(ROUNDS)

# Validates each file of `deploy/` with its own program; .ci/run installs those that are not Python packages.
deploy-check: $(CHECKS)/.ready
	$(if $(shell command -v npm),npm --prefix tests/deployment/node ci --no-audit --no-fund --ignore-scripts --silent)
	$(CHECKS)/bin/python -m tests.deployment

# Builds the image on a minimal Debian and starts it, with buildah and debootstrap, as root; takes minutes.
image-test:
	tests/deployment/image-test

# A bill of materials (CycloneDX), from an environment that contains only the installation.
sbom: $(CHECKS)/.ready
	rm -rf $(CHECKS)/installation
	$(PYTHON) -m venv --without-pip $(CHECKS)/installation
	$(CHECKS)/bin/python -m pip --quiet --disable-pip-version-check --python $(CHECKS)/installation/bin/python install \
	    --require-hashes --requirement deploy/requirements.txt
	mkdir -p dist
	$(CHECKS)/bin/cyclonedx-py environment $(CHECKS)/installation --pyproject pyproject.toml --mc-type application \
	    --output-reproducible --output-file dist/sbom.cdx.json
	$(CHECKS)/bin/python -m tests.deployment.name_version dist/sbom.cdx.json
	rm -rf $(CHECKS)/installation

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The digests are those of all files of a version in the package index, for any platform. Neither the index nor
# a path of this machine is written to the files.
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --strip-extras --allow-unsafe --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --constraint deploy/constraints.txt
DECLARED := import tomllib; d = tomllib.load(open('pyproject.toml', 'rb')); p = d['project']; \
    print('\n'.join(p['dependencies'] + sum(p['optional-dependencies'].values(), []) + d['dependency-groups']['dev']))
GROUP := import sys, tomllib; \
    print('\n'.join(tomllib.load(open('pyproject.toml', 'rb'))['dependency-groups'][sys.argv[1]]))

# Recreates the pinned versions and digests of deployment and tests from the ranges in pyproject.toml.
lock:
	@$(CHECK_PYTHON)
	rm -rf $(VENV)
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip
	$(PIP) install --editable '.[opentelemetry,postgresql]' --group dev
	$(BIN)/python -m pip freeze --exclude-editable > deploy/constraints.txt
	$(PIP) install pip-tools
	$(COMPILE) --all-extras --output-file deploy/requirements.txt pyproject.toml
	$(BIN)/python -c "$(DECLARED)" | $(COMPILE) --output-file deploy/requirements-dev.txt -
	$(BIN)/python -c "$(GROUP)" build | $(COMPILE) --output-file deploy/requirements-build.txt -
	$(BIN)/python -c "$(GROUP)" deploy | $(COMPILE) --output-file deploy/requirements-deploy.txt -

# An environment whose Python is missing or too old is recreated.
$(READY): pyproject.toml deploy/requirements-dev.txt $(if $(UNUSABLE),anew)
	@$(CHECK_PYTHON)
	@echo "Installing into $(VENV), about a minute"
	@$(PYTHON) -m venv $(if $(UNUSABLE),--clear) $(VENV)
	@$(PIP) install --upgrade 'pip>=25.1'
	@$(PIP) install --require-hashes --requirement deploy/requirements-dev.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(CHECKS)/.ready: deploy/requirements-deploy.txt
	@$(CHECK_PYTHON)
	@echo "Installing into $(CHECKS), less than a minute"
	@$(PYTHON) -m venv $(CHECKS)
	@$(CHECKS)/bin/python -m pip --quiet --disable-pip-version-check install --require-hashes --requirement $<
	@touch $@

clean:
	rm -rf $(VENV) $(CHECKS) dist .coverage* .hypothesis .mypy_cache .pytest_cache .ruff_cache
