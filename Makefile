# Targets for people and for continuous integration. `make help` lists them.

ARCH ?= $(shell uname -m)
CARGO ?= cargo
ARCHITECTURES := x86_64 aarch64

.DEFAULT_GOAL := help
.PHONY: help demo sample samples static statics zfs test check fuzz bench doc clean tools

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: tools sample ## Makes an image of the sample system and boots it (ARCH=aarch64 for the other)
	$(CARGO) run -q -- demo --arch $(ARCH)

sample: tools ## Makes the sample system of ARCH in target/sample/ARCH
	$(CARGO) run -q -- dev sample --arch $(ARCH) --out target/sample/$(ARCH)

samples: tools # The sample systems of every architecture
	$(foreach arch,$(ARCHITECTURES),$(CARGO) run -q -- dev sample --arch $(arch) --out target/sample/$(arch) &&) true

static: tools ## A static landfall for ARCH in target/static/ARCH, as installation media hold it
	.ci/static-binary $(ARCH)

statics: tools # The static binaries of every architecture
	$(foreach arch,$(ARCHITECTURES),.ci/static-binary $(arch) &&) true

zfs: tools sample ## ZFS for the sample system's kernel (x86_64, some 10 minutes): what the tests of ZFS need
	.ci/zfs-tools

test: tools ## Every test, virtual machines included: within 30 minutes on 2 cores
	STATIC_PROFILE=static-test $(MAKE) --no-print-directory -j2 samples statics
	$(CARGO) test -q --workspace --doc
	$(CARGO) nextest run --workspace

check: ## Format, lints and the tests without machines: before each commit, within 3 minutes
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy -q --workspace --all-targets -- -D warnings
	$(CARGO) nextest run --workspace --profile quick

fuzz: ## Fuzzers, each for SECONDS (FUZZERS="nix gpt" for some of them)
	SECONDS_EACH=$(or $(SECONDS),60) .ci/fuzz $(FUZZERS)

bench: tools sample static ## Times and memory beside the real tools; keeps the table in docs/
	$(CARGO) bench -q --bench compare

doc: ## The libraries' documentation, warnings denied
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace

clean: ## Removes all that was built; downloads are kept in ~/.cache/landfall
	$(CARGO) clean

tools:
	@.ci/install-tools
