# make help says what there is. Everything that is made goes to target/ and .venv/.
SHELL       := bash
.SHELLFLAGS := -euo pipefail -c
MAKEFLAGS   += --no-builtin-rules --no-print-directory
.DELETE_ON_ERROR:
# One thing after the other, but for the lanes of `make test`.
ifndef LANES
.NOTPARALLEL:
endif
.DEFAULT_GOAL := help

INPUT  ?= samples
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
PY     := $(VENV)/bin/python
STAMP  := $(VENV)/.installed

export PYTHON
export AWS_EC2_METADATA_DISABLED := true
export CARGO_TERM_COLOR          ?= auto

# Terraform refuses to start over a configuration file that isn't there.
ifneq ($(TF_CLI_CONFIG_FILE),)
ifeq ($(wildcard $(TF_CLI_CONFIG_FILE)),)
unexport TF_CLI_CONFIG_FILE
endif
endif
# Checks keep their providers here; the local AWS has a copy of its own.
TERRAFORM      := TF_DATA_DIR=$(CURDIR)/target/terraform-check terraform -chdir=terraform
BOOTSTRAP      := TF_DATA_DIR=$(CURDIR)/target/terraform-bootstrap terraform -chdir=terraform/bootstrap
TERRAFORM_INIT := $(TERRAFORM) init -backend=false -input=false

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: tools $(STAMP) ## install what is needed, into .venv; says what it can't install

.PHONY: tools
tools:
	@scripts/check_tools.sh

$(STAMP): requirements.txt
	"$(PYTHON)" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --requirement requirements.txt
	touch $@

.PHONY: nextest
nextest: tools
	@command -v cargo-nextest >/dev/null || cargo install --locked cargo-nextest

.PHONY: build
build: setup ## release binaries, and from them the zips that are deployed (target/lambda, target/glue)
	cargo build --release --workspace --locked
	$(PY) scripts/package.py

.PHONY: up
up: build ## start AWS on this machine with everything deployed, and leave it running
	$(PY) -m local up

.PHONY: down
down: setup ## stop it
	$(PY) -m local down

.PHONY: demo
demo: demo-input build ## the whole flow on INPUT (default: samples), from landing to Athena; writes target/demo/report.json
	$(PY) -m local.demo --input "$(INPUT)"

.PHONY: hostile
hostile: setup ## every odd input of docs/ingest.md as files in target/hostile; then: make demo INPUT=target/hostile
	$(PY) -m local.demo.hostile

# Before the build, which may take ten minutes.
.PHONY: demo-input
demo-input: setup
	@$(PY) -m local.demo --check-input --input "$(INPUT)"

# What only a later part needs is looked for first. Then three lanes side by side, as each waits much for what runs in the
# background: the output of a part comes when it ends, and each runner closes with its own count. The first part that
# fails ends its lane.
LANE_1 := test-e2e
LANE_2 := test-glue
LANE_3 := test-terraform test-scripts test-faults test-local test-ci

.PHONY: test
test: ci-tools lint test-rust build ## everything
	@$(MAKE) -j3 --output-sync=target LANES=1 lane-1 lane-2 lane-3

.PHONY: lane-1 lane-2 lane-3
lane-1:
	@$(MAKE) LANES= $(LANE_1)
lane-2:
	@$(MAKE) LANES= $(LANE_2)
lane-3:
	@$(MAKE) LANES= $(LANE_3)

.PHONY: lint
lint: setup ## formatting and lints of every language
	cargo fmt --all --check
	cargo fmt --manifest-path bench/server/Cargo.toml --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo clippy $(BENCH_SERVER) --all-targets -- -D warnings
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy
	terraform fmt -check -recursive -diff terraform

.PHONY: test-rust
test-rust: nextest
	cargo nextest run --workspace --locked

.PHONY: test-terraform
test-terraform: build
	$(TERRAFORM_INIT) $$($(PY) scripts/provider_mirror.py terraform) >target/terraform-init.log || { cat target/terraform-init.log; exit 1; }
	$(TERRAFORM) validate
	$(TERRAFORM) test
	$(BOOTSTRAP) init -input=false $$($(PY) scripts/provider_mirror.py terraform/bootstrap) >target/terraform-init.log || { cat target/terraform-init.log; exit 1; }
	$(BOOTSTRAP) validate
	$(BOOTSTRAP) test

.PHONY: test-scripts
test-scripts: setup
	$(PY) -m pytest tests/unit

.PHONY: test-glue
test-glue: setup
	$(PY) -m pytest glue/tests

.PHONY: test-local
test-local: build
	$(PY) -m pytest local/tests

.PHONY: test-e2e
test-e2e: build
	$(PY) -m pytest tests/end_to_end

.PHONY: ci-tools
ci-tools:
	scripts/ci/tools.sh

# Runs the jobs of .gitlab-ci.yml in a shell.
.PHONY: test-ci
test-ci: ci-tools build
	$(PY) -m pytest tests/gitlab

# A workspace and a virtual environment of their own: nothing that is deployed needs them.
BENCH_SERVER := --manifest-path bench/server/Cargo.toml --target-dir target/bench/server --locked
BENCH_STAMP  := target/bench/venv/.installed

$(BENCH_STAMP): bench/requirements.txt
	"$(PYTHON)" -m venv target/bench/venv
	target/bench/venv/bin/python -m pip install --quiet --disable-pip-version-check --requirement bench/requirements.txt
	touch $@

.PHONY: bench
bench: setup $(BENCH_STAMP) ## the functions beside s5cmd and boto3, against an AWS in memory; BENCH="clean intake" picks
	cargo build --release --workspace --locked
	cargo test --quiet $(BENCH_SERVER)
	cargo build --release $(BENCH_SERVER)
	$(PY) -m bench $(addprefix --only ,$(BENCH))

.PHONY: test-faults
test-faults: build
	$(PY) -m pytest tests/faults

# SEED=n repeats the random combination of that seed, ONLY=pattern runs the faults of that name, ROUNDS=n is how many
# random combinations there are.
.PHONY: faults
faults: build $(if $(SEED)$(ONLY),,faults-model) ## the model at length, every fault, random combinations, and each protection off; writes target/faults/report.json
	$(PY) -m tests.faults $(if $(SEED),--seed $(SEED)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(ONLY),--only "$(ONLY)")

# Some five minutes on two cores; MODEL_SEED repeats a walk (and makes nothing else), MODEL_STATES sets its length.
.PHONY: faults-model
faults-model: tools ## the protocol's model at length: larger configurations, and a walk at random
	cargo run --locked --package model --example explore

.PHONY: fmt
fmt: setup ## format every language in place
	cargo fmt --all
	cargo fmt --manifest-path bench/server/Cargo.toml
	$(VENV)/bin/ruff format .
	$(VENV)/bin/ruff check --fix .
	terraform fmt -recursive terraform

.PHONY: clean
clean: ## remove what was made, but not the virtual environment
	rm -rf target .pytest_cache .ruff_cache .mypy_cache .hypothesis
