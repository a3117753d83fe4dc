# The commands that people and continuous integration both use.

TARGET := $(or $(CARGO_TARGET_DIR),target)
BUILD_PACKAGES := cc pkg-config libopus-dev
# What the loadable codecs and mod_xml open when they are loaded; spandsp is what G.726 is compared with.
CODEC_PACKAGES := libgsm1 libspeex1 libopencore-amrnb0 libopencore-amrwb0 libvo-amrwbenc0 \
	libcodec2-1.0 libbcg729-0 libspandsp2 libxml2
# What mod_py is built with, and what the tests of modules start themselves, without services of the machine.
PLUGIN_PACKAGES := python3-dev
MODULE_PACKAGES := mariadb-server-core mariadb-client-core redis-server
TEST_PACKAGES := $(BUILD_PACKAGES) $(CODEC_PACKAGES) $(MODULE_PACKAGES) sip-tester sipvicious \
	$(PLUGIN_PACKAGES) baresip-core linphone-cli kamailio python3-venv
# PESQ judges speech; moto is S3 and SQS on this machine.
TEST_PYTHON := numpy pesq moto flask flask_cors

.PHONY: help run plugins test test-quick lint bench prompts packages test-packages

help: ## Lists these commands.
	@sed -n 's/^\([a-z-]*\):[^#]*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 18

run: packages ## Builds the server and runs it with conf/muleteer.toml.
	cargo build --release
	exec $(TARGET)/release/muleteer serve --config conf/muleteer.toml

plugins: packages ## Builds the loadable codecs and modules of plugins/, next to the server.
	@.ci/need-packages $(PLUGIN_PACKAGES)
	cargo build --release $(addprefix -p ,$(notdir $(wildcard plugins/codec_* plugins/mod_*))) -p mod_example
	cc -shared -fPIC -pthread -O2 -I plugins/sdk/include -o $(TARGET)/release/libmod_example_c.so plugins/example_c/example.c

test: test-packages lint ## Runs every check, with the SIP phones and load tools it needs.
	cargo test --workspace
	cargo test --workspace --benches

test-quick: lint ## Runs what needs no network, no root and no other program.
	cargo test -p muleteer -p muleteer-sdk -- --skip interop:: --skip codec_plugins:: --skip modules::

lint: ## Checks layout, lints and documentation.
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --workspace --no-deps --document-private-items

bench: packages ## Measures speed.
	@.ci/need-packages $(PLUGIN_PACKAGES) $(MODULE_PACKAGES)
	cargo bench --workspace --benches

prompts: ## Makes the shipped prompts again from their texts.
	.ci/need-packages espeak-ng sox
	audio/make-prompts.sh

packages:
	@.ci/need-packages $(BUILD_PACKAGES)

test-packages:
	@.ci/need-packages $(TEST_PACKAGES)
	@.ci/need-python $(TARGET)/python $(TEST_PYTHON)
