# Targets for people and for continuous integration. `make help` lists them.

CARGO ?= cargo
THIS := $(shell uname -m)
ARCH ?= $(THIS)
OTHER := $(if $(filter x86_64,$(THIS)),aarch64,x86_64)

# Everything is linked statically, as the program is shipped, and as media hold it: what is tested needs no second build for
# that. Only with the target named are build scripts and macros left out, which cannot be static.
# A build from nothing is a third faster without what only the next one, or a debugger, would gain from.
ifdef CI
export CARGO_PROFILE_DEV_CODEGEN_UNITS := 16
export CARGO_INCREMENTAL := 0
export CARGO_PROFILE_DEV_DEBUG := 0
endif
export CARGO_BUILD_TARGET := $(shell rustc -vV 2>/dev/null | sed -n 's/^host: //p')
target_name := $(shell echo $(CARGO_BUILD_TARGET) | tr a-z- A-Z_)
export CARGO_TARGET_$(target_name)_RUSTFLAGS := -Ctarget-feature=+crt-static
folder := $(or $(CARGO_TARGET_DIR),target)/$(CARGO_BUILD_TARGET)

# What Debian has not ready is kept there; continuous integration gets it, so that no test is skipped.
kept := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/landfall
export PATH := $(PATH):$(kept)/bcachefs/bin

.DEFAULT_GOAL := help
.PHONY: help demo sample static zfs bcachefs test inputs program samples built modules cross check fuzz bench doc clean tools

help: ## This list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

demo: tools sample ## Makes an image of the sample system and boots it (ARCH=aarch64 for the other)
	$(CARGO) run -q -- demo --arch $(ARCH)

sample: tools ## Makes the sample system of ARCH in target/sample/ARCH
	$(CARGO) run -q -- dev sample --arch $(ARCH) --out target/sample/$(ARCH)

static: tools ## A static landfall for ARCH in target/static/ARCH, as installation media hold it
	.ci/static-binary $(ARCH)

zfs: tools sample ## ZFS for the sample system's kernel (x86_64, six to ten minutes): what the tests of ZFS need
	.ci/zfs-tools

bcachefs: tools ## The program of bcachefs, of Debian's experimental suite: what the tests of bcachefs need
	.ci/bcachefs-tools

test: tools ## Every test, virtual machines included: about half an hour on 2 cores
	$(MAKE) --no-print-directory -j3 inputs
	$(CARGO) test -q --workspace --doc
	$(CARGO) nextest run --workspace

# What machines are made of: the sample systems, and static binaries for media. The one of this architecture is the very program
# that is tested. It is not `cargo run` that starts it: without the tests' dependencies it would be compiled once more. Samples
# are fetched and made while the other tests are compiled.
inputs: cross samples built $(if $(CI),bcachefs modules)
program:
	$(CARGO) nextest run --cargo-quiet --workspace --no-run --test vm
	mkdir -p target/static/$(THIS)
	strip -o target/static/$(THIS)/landfall $(folder)/debug/landfall
samples: program
	for arch in $(THIS) $(OTHER); do $(folder)/debug/landfall dev sample --arch $$arch --out target/sample/$$arch || exit; done
built: program
	$(CARGO) nextest run --cargo-quiet --workspace --no-run
modules: samples
	.ci/zfs-tools
cross:
	STATIC_PROFILE=static-test .ci/static-binary $(OTHER)

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
