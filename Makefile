# The commands that people and continuous integration both use.

TARGET := $(or $(CARGO_TARGET_DIR),target)
BUILD_PACKAGES := cc pkg-config libopus-dev
TEST_PACKAGES := $(BUILD_PACKAGES) sip-tester baresip-core

.PHONY: help run test test-quick lint bench prompts packages test-packages

help: ## Lists these commands.
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: packages ## Builds the server and runs it with conf/muleteer.toml.
	cargo build --release
	exec $(TARGET)/release/muleteer serve --config conf/muleteer.toml

test: test-packages lint ## Runs every check, with the SIP phones and load tools it needs.
	cargo test --workspace
	cargo test --workspace --benches

test-quick: lint ## Runs what needs no network, no root and no other program.
	cargo test --workspace -- --skip interop::

lint: ## Checks layout, lints and documentation.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items

bench: packages ## Measures speed.
	cargo bench --workspace --benches

prompts: ## Makes the shipped prompts again from their texts.
	.ci/need-packages espeak-ng sox
	audio/make-prompts.sh

packages:
	@.ci/need-packages $(BUILD_PACKAGES)

test-packages:
	@.ci/need-packages $(TEST_PACKAGES)
