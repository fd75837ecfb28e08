# Everything a person does with this project. Each target sets up what it needs; `make` alone lists them.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
CRD := crds/gitlabazure.io_gitlabazureidentities.yaml
CHART := charts/gitlab-azure-identity
# In a shell that sourced a lab's env file, package registries are reached without that lab's proxy.
OUTSIDE := $(if $(LAB_DIR),env -u HTTPS_PROXY -u SSL_CERT_FILE -u REQUESTS_CA_BUNDLE)
COMPILE = $(OUTSIDE) $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-trusted-host --no-emit-find-links

# Before anything is downloaded or built, all that the machine lacks is printed at once. Python is needed to make .venv only.
MAKES_VENV := $(if $(wildcard $(READY)),,python)
REQUIRE := @PYTHON="$(PYTHON)" sh lab/prerequisites.sh

# Bytecode is kept: the tests start the operator dozens of times.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint unit integration coverage chart lab lab-down operator bench soak image-test crd values troubleshooting dashboards lock clean needs-lab needs-tests
# The prerequisites of a target are made from left to right, even with make -j: first comes what the machine lacks.
.NOTPARALLEL:

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: needs-lab $(READY) ## From kubectl apply to GitLab's blobs: the whole story, step by step, on this machine
	@$(BIN)/python -m lab.demo

test: needs-tests lint ## Everything: lint, types, and all tests
	$(BIN)/python -m pytest $(wildcard tests/unit tests/edges tests/chart tests/docs tests/lab tests/integration)

lint: $(READY) ## Ruff, mypy, and which module may import which
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(READY) ## The pure tests: seconds
	$(BIN)/python -m pytest tests/unit

integration: needs-tests $(READY) ## The operator in the lab
	$(BIN)/python -m pytest tests/integration

coverage: needs-tests $(READY) ## Which branches the tests reach: of domain/ the unit tests, of the operator all but those of chart and lab
	@rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest tests/unit
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --include='operator/gitlab_azure_identity/domain/*' --fail-under=100
	$(BIN)/coverage run -m pytest tests/unit tests/edges tests/integration
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

chart: $(READY) ## The Helm chart
	$(BIN)/python -m pytest tests/chart

lab: needs-lab $(READY) ## Start Azure and a cluster on this machine, and leave them running
	@$(BIN)/python -m lab up

lab-down: ## End the lab
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m lab down; fi

operator: needs-lab $(READY) ## Run the operator in the foreground, against the lab
	@$(BIN)/python -m lab operator

bench: needs-lab $(READY) ## Measure the operator: time, calls and memory, with RESOURCES=100 at once
	@$(BIN)/python -m lab.bench $(if $(RESOURCES),--resources $(RESOURCES))

soak: needs-lab $(READY) ## Kill one of two operators again and again, under resources that are edited, for DURATION=300
	@$(BIN)/python -m lab.soak $(if $(DURATION),--seconds $(DURATION)) $(if $(RESOURCES),--resources $(RESOURCES))

image-test: $(READY) ## Build the container image and run it against the lab (Debian, as root)
	@bash tests/image/run

crd: $(READY) ## Write the CRD from the model, into crds/ and the chart
	$(BIN)/python -m gitlab_azure_identity.api.crd > $(CRD).new
	mv $(CRD).new $(CRD)
	cp $(CRD) $(CHART)/files/crd.yaml

values: $(READY) ## Write the schema of the chart's settings from the model, and the table of values in its README from both
	$(BIN)/python -m tests.chart.settings_schema
	$(BIN)/python -m tests.chart.values_table

troubleshooting: $(READY) ## Write docs/troubleshooting.md from the table of causes
	$(BIN)/python -m gitlab_azure_identity.domain.causes.page > docs/troubleshooting.md.new
	mv docs/troubleshooting.md.new docs/troubleshooting.md

dashboards: ## Copy the alerts and the dashboard from deploy/ into the chart
	cp deploy/prometheus/rules.yaml deploy/grafana/dashboard.json $(CHART)/files/

lock: $(READY) ## Lock the newest Python packages that pyproject.toml allows, by hash
	$(COMPILE) --upgrade --output-file requirements.lock pyproject.toml
	$(COMPILE) --upgrade --extra lab --extra test --constraint requirements.lock --output-file requirements-dev.lock pyproject.toml
	$(COMPILE) --upgrade --only-build-deps --build-deps-for editable --build-deps-for wheel \
		--output-file requirements-build.lock pyproject.toml
	$(COMPILE) --upgrade --output-file requirements-azure-cli.lock requirements-azure-cli.in

clean: lab-down ## Remove all that the targets made in this folder; the user's cache stays
	rm -rf $(VENV) .coverage .coverage.* .lab .test node_modules dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

needs-lab:
	$(REQUIRE) $(MAKES_VENV) linux go node certificates azcopy

needs-tests:
	$(REQUIRE) $(MAKES_VENV) linux go node certificates azcopy bash curl jq prometheus

$(READY): requirements-dev.lock pyproject.toml
	$(REQUIRE) python
	@echo "setting up $(VENV) (a minute or two)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(OUTSIDE) $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-dev.lock
	@$(OUTSIDE) $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@
