# What a user or a contributor runs; every goal sets up what it needs.

CARGO ?= cargo

.PHONY: demo test examples lint api package firmware soak figures lifecycle evidence

## Boots the shell sample and talks to it, on Renode if it is there, else on QEMU.
demo:
	@scripts/setup engine
	@$(CARGO) run --quiet --example quickstart

## The whole suite, on every engine that is there, and the documentation's examples.
test:
	@scripts/setup qemu nextest
	$(CARGO) nextest run --workspace
	@scripts/check-failing-run
	$(CARGO) test -p engine-tests --test fixtures --quiet -- --test-threads=8
	$(CARGO) test --workspace --doc --quiet
	@$(MAKE) --no-print-directory examples

## The guide's examples, on QEMU; those of virtual time and Ethernet on Renode, where there is one.
examples:
	@scripts/setup qemu
	@for chapter in quickstart patterns power_and_flash several_at_once debugging; do \
		echo "-- $$chapter"; \
		VTARGET_BACKEND=qemu $(CARGO) run --quiet --example $$chapter || exit 1; \
	done
	@if command -v "$${VTARGET_RENODE:-renode}" >/dev/null; then \
		for chapter in virtual_time ethernet; do \
			echo "-- $$chapter"; \
			$(CARGO) run --quiet --example $$chapter || exit 1; \
		done; \
	fi

## What CI demands beyond the tests.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features

## Writes down the public API, which the tests compare with.
api:
	VTARGET_WRITE_API=1 $(CARGO) test --quiet --test checks api

## What would be published, built from the package alone.
package:
	$(CARGO) package --package virtual-target --allow-dirty

## Rebuilds the sample firmware and fails if it differs from what is committed.
firmware:
	@scripts/setup firmware-gcc
	$(MAKE) -C firmware-samples check

## The long runs; CI has a slice of them.
soak:
	@scripts/setup qemu nextest
	VTARGET_SOAK=1 $(CARGO) nextest run --package engine-tests --release --no-fail-fast -E 'test(soak)'
	$(CARGO) nextest run --package virtual-target --release --run-ignored only -E 'test(soak)'

## Measures and writes target/figures.json.
figures:
	@scripts/setup qemu
	@$(CARGO) build --quiet --release -p engine-tests --bins
	@$(CARGO) run --quiet --release -p engine-tests --bin figures
	@$(CARGO) bench --quiet --bench expect

## Every way to end and every fault, on every engine that is there, as a table.
lifecycle:
	@scripts/setup qemu
	@$(CARGO) build --quiet --release -p engine-tests --bins
	@$(CARGO) run --quiet --release -p engine-tests --bin lifecycle

## The tests and figures on the real Renode, for docs/evidence; commit what it writes.
evidence:
	@scripts/setup nextest
	@scripts/evidence
