# Two commands do all the set-up: `make demo` and `make test`.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

# Everything that is made stays inside the clone.
export CARGO_TARGET_DIR := $(CURDIR)/target
# Both commands use the dev profile, so that one build serves both.
SCRIP := $(CARGO_TARGET_DIR)/debug/scrip
DATA := data/demo
# What is measured is the release build, on the disk of the clone.
RELEASE := $(CARGO_TARGET_DIR)/release
SOAK := data/soak

.PHONY: help demo test suite judges stories every-story prove check stripe instructions soak growth move fmt clean compiler tools counter

help:
	@echo 'make demo    build, and serve a product with some history on http://127.0.0.1:8080'
	@echo 'make test    install what the tests need, and run everything'
	@echo 'make prove   random walks through selling, many more than `make test` takes; WALKS=n, SELLING_WALKS=n and SEED=n'
	@echo '             for other counts and another first seed'
	@echo 'make check   formatting, lints and the house style'
	@echo 'make stripe  the stories of selling that need no page, in an account of Stripe'\''s test mode whose key is in'
	@echo '             SCRIP_TEST_STRIPE_KEY; `make test` runs them against the simulator'
	@echo 'make instructions   count the instructions of the engine and of a request, against those that are kept'
	@echo 'make soak    fill a directory with ten million entries (ENTRIES=n for others), measure what they cost, and move'
	@echo '             them into a PostgreSQL of its own; leaves the figures in $(SOAK)'
	@echo 'make growth  the same with a hundred million entries, which are not moved'
	@echo 'make move    move what `soak` left, once more'
	@echo 'make fmt     format'
	@echo 'make clean   delete what was made: target, .venv, node_modules, and the data of the demo and of `soak`'

demo: compiler
	cargo build --locked --package scrip --features demo
	mkdir -p -m 700 $(DATA)
	exec $(SCRIP) demo --data $(DATA)

test: tools .venv/ready tests/stripe/node_modules/ready
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo build --locked --package scrip --package stripe-simulator --features scrip/demo
	@tests/postgres -- $(MAKE) --no-print-directory suite

# What runs on the cluster that `test` starts. The judges wait for one Python and the stories for a disk most of their
# time: they run side by side, and what they run is built before. The test runner comes last, so that its closing line is
# the last one.
suite:
	cargo test --locked --workspace --doc --quiet
	cargo test --locked --workspace --no-run --quiet
	@$(MAKE) --no-print-directory --jobs 2 --output-sync=line judges stories
	@if cargo nextest --version >/dev/null 2>&1; then \
		cargo nextest run --locked --workspace --no-fail-fast; \
	else \
		cargo test --locked --workspace --all-targets --no-fail-fast; \
	fi

# Programs that are not ours, each with its own opinion of ours.
judges:
	@unset MAKEFLAGS MFLAGS; for script in tests/run.d/*; do echo "== $$script"; "$$script"; done

# The modules of crates/scrip/tests/it that choose their stores themselves, and those whose requests end before the
# journal, so that its form cannot matter to them.
OWN_STORES := cluster commands processes
NO_JOURNAL := addresses bad_input headers matrix oidc openapi operations setups texts
stories:
	@unset MAKEFLAGS MFLAGS; $(call on_store,postgres,$(OWN_STORES))
	@unset MAKEFLAGS MFLAGS; $(call on_store,partitions,$(OWN_STORES) $(NO_JOURNAL))

# Runs the stories on a store, but for those of some modules. The first run on SQLite is that of all tests.
empty :=
space := $(empty) $(empty)
define on_store
echo "== the stories, on $(1)"; export SCRIP_TEST_STORE=$(1); \
if cargo nextest --version >/dev/null 2>&1; then \
	cargo nextest run --locked --workspace --no-fail-fast --test-threads $(STORY_THREADS) \
		-E 'package(scrip) & binary(it) & not test(/^($(subst $(space),|,$(strip $(2))))::/)'; \
else \
	cargo test --locked --package scrip --test it --no-fail-fast -- $(foreach module,$(2),--skip $(module)::); \
fi
endef

# One more than there are processors: a story waits for its disk and for its timers.
STORY_THREADS := $(shell expr $$(nproc) + 1)

# The same tests as in `test`, with more seeds: inside the process against a model of Stripe, and through the simulator
# with the journal in files and on PostgreSQL. Each prints its counts, its first seed and how long it took.
prove: tools
	WALKS=$(WALKS) WALKS_FROM=$(SEED) \
		cargo test --locked --package scrip --lib tests::walks -- --nocapture
	SELLING_WALKS=$(SELLING_WALKS) SELLING_WALKS_FROM=$(SEED) \
		cargo test --locked --package scrip --test it sales::walks:: -- --nocapture
	SCRIP_TEST_STORE=postgres SELLING_WALKS=$$(( $(SELLING_WALKS) / 5 )) SELLING_WALKS_FROM=$(SEED) \
		tests/postgres -- cargo test --locked --package scrip --test it sales::walks:: -- --nocapture
	TAMPER_SHARE=1 \
		tests/postgres -- cargo test --locked --package scrip --lib tests::tamper::every -- --nocapture
	ABUSE_REQUESTS=$(ABUSE_REQUESTS) ABUSE_FROM=$(SEED) \
		cargo test --locked --package scrip --test it abuse::a_free_person -- --nocapture
	SCRIP_TEST_STORE=postgres ABUSE_REQUESTS=$(ABUSE_REQUESTS) ABUSE_FROM=$(SEED) \
		tests/postgres -- cargo test --locked --package scrip --test it abuse::a_free_person -- --nocapture
	tests/postgres -- $(MAKE) --no-print-directory every-story

# Every story on partitions, of which `test` runs those that the journal's form can matter to.
every-story:
	@unset MAKEFLAGS MFLAGS; $(call on_store,partitions,$(OWN_STORES))

prove: ABUSE_REQUESTS = 10000
prove: WALKS = 10000
prove: SELLING_WALKS = 300
prove: SEED = 0

check: compiler
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo test --locked --package scrip --test tidy

# Stripe lets an account ask only so often: one story at a time.
stripe: compiler
	@[ -n "$${SCRIP_TEST_STRIPE_KEY:-}" ] || { \
		echo 'SCRIP_TEST_STRIPE_KEY must be a key of test mode (sk_test_…), best of a sandbox of its own'; exit 2; \
	} >&2
	cargo test --locked --package scrip --test it sales::account:: -- --test-threads 1

# A release build, which `make test` has not: too slow to be made for every test.
instructions: compiler counter
	cargo build --locked --release --package scrip-bench
	benches/instructions

soak growth: compiler
	cargo build --locked --release --package scrip --package scrip-bench
	rm -rf $(SOAK)
	$(RELEASE)/scrip-bench soak --entries $(ENTRIES) --data $(SOAK)
	@if [ $@ = soak ]; then $(MAKE) --no-print-directory move; fi

soak: ENTRIES = 10000000
growth: ENTRIES = 100000000

# The mover is killed at a third and at two thirds of the way.
move:
	tests/postgres --durable -- benches/move $(SOAK)/full --scrip $(RELEASE)/scrip --json $(SOAK)/move.json

fmt:
	cargo fmt --all

clean:
	rm -rf target .venv tests/stripe/node_modules $(DATA) $(SOAK)

# What is asked of apt: a program, and the Debian package that has it.
BUILD_TOOLS := cc:build-essential
TEST_TOOLS := $(BUILD_TOOLS) bean-check:beancount hledger:hledger curl:curl python3:python3 faketime:faketime
TEST_TOOLS += openssl:openssl node:nodejs npm:npm
# PostgreSQL's server, with pgbench. Debian keeps its programs off the path; the cluster that the package sets up is not
# needed by anything here, since tests/postgres makes its own.
TEST_TOOLS += $(firstword $(wildcard /usr/lib/postgresql/*/bin/initdb) initdb):postgresql
# What counts instructions; beside the compiler's.
COUNT_TOOLS := valgrind:valgrind python3:python3

# Installs what is missing, as root or through sudo.
define install
	@missing=; \
	for pair in $(1); do command -v "$${pair%%:*}" >/dev/null || missing="$$missing $${pair#*:}"; done; \
	if [ -n "$$missing" ]; then \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q; \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends $$missing; \
	fi
endef

compiler:
	$(call install,$(BUILD_TOOLS))

counter:
	$(call install,$(COUNT_TOOLS))

tools:
	$(call install,$(TEST_TOOLS))
	@python3 -c 'import ensurepip, venv' 2>/dev/null || { \
		sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
		$$sudo apt-get update -q; \
		$$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends python3-venv; \
	}

.venv/ready: tests/requirements.txt | tools
	python3 -m venv --clear .venv
	.venv/bin/pip install --quiet --disable-pip-version-check --requirement tests/requirements.txt
	touch $@

tests/stripe/node_modules/ready: tests/stripe/package-lock.json | tools
	cd tests/stripe && npm ci --ignore-scripts
	touch $@
