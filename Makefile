# The goals for users and contributors; each goal installs what it needs.

CARGO ?= cargo

.PHONY: demo test examples lint api schema package firmware soak figures lifecycle evidence

## Boots the shell sample and talks to it, on Renode if it is installed, else on QEMU.
demo:
	@scripts/setup engine
	@$(CARGO) run --quiet --example quickstart

## Runs the whole suite, on every installed engine, and the documentation's examples.
test:
	@scripts/setup qemu qemu-riscv nextest
	$(CARGO) nextest run --workspace
	@scripts/check-failing-run
	$(CARGO) test -p engine-tests --test fixtures --quiet -- --test-threads=8
	$(CARGO) test --workspace --doc --quiet
	@$(MAKE) --no-print-directory examples

## Runs the guide's examples, on QEMU; those of virtual time and Ethernet on Renode,
## if it is installed.
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

## Runs the checks that CI requires in addition to the tests.
lint:
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets --all-features -- -D warnings
	$(CARGO) clippy --lib --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --all-features

## Writes the public API to api.txt, which a test compares with the sources.
api:
	VTARGET_WRITE_API=1 $(CARGO) test --quiet --test checks api

## Writes the JSON Schema of board files, which a test compares with the types.
schema:
	@mkdir -p target
	$(CARGO) run --quiet --bin vtarget -- schema >target/board.schema.json
	@mv target/board.schema.json docs/virtual-target.schema.json

## Builds the package that would be published, from its own files alone.
package:
	$(CARGO) package --package virtual-target --allow-dirty

## Rebuilds the sample firmware and fails if it differs from what is committed.
firmware:
	@scripts/setup firmware-gcc
	$(MAKE) -C firmware-samples check

## Runs the long tests; CI runs a slice of them.
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

## Prints every way to end and every fault, on every installed engine, as a table.
lifecycle:
	@scripts/setup qemu
	@$(CARGO) build --quiet --release -p engine-tests --bins
	@$(CARGO) run --quiet --release -p engine-tests --bin lifecycle

## Runs the tests and figures on the real Renode and writes docs/evidence; commit the result.
evidence:
	@scripts/setup nextest
	@scripts/evidence
