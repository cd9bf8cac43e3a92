# SPDX-License-Identifier: GPL-2.0-only
#
# What to type: "make help".  Kbuild is what makes the module; this only calls
# the scripts under tests/, nearly all of them in the build root that
# tests/vm/in-root makes.

BUILD ?= build
export BUILD JOBS KERNEL VM KSRC KSRC_SHA256 KDIR GUEST_BIN GUESTS TESTS
export FSTESTS_DIR FSTYP SCRIPT COUNT SEEDS PLAIN AUTHENTICATED ENCRYPT VARIANT
ifdef SIGN
# Who signs off.
export SIGN
export GIT_COMMITTER_NAME ?= $(shell git config user.name)
export GIT_COMMITTER_EMAIL ?= $(shell git config user.email)
endif

in_root := tests/vm/in-root
build := $(in_root) tests/vm/build
guest := $(in_root) tests/vm/guest.py

.PHONY: help
help:
	@echo 'make demo                  see an encrypted btrfs directory at work'
	@echo 'make test [TESTS="..."]    all tests, or those whose names match'
	@echo 'make test-long             those too that take long'
	@echo 'make new-test NAME=DIR/TEST a skeleton of a test'
	@echo 'make shell                 a shell in the guest'
	@echo 'make run SCRIPT=FILE       run FILE in the guest, as root'
	@echo 'make module [KDIR=DIR]     the module [for that built kernel]'
	@echo 'make kernel                the patched kernel'
	@echo 'make check                 rustfmt, clippy, checkpatch, shellcheck, loom'
	@echo 'make series [FSTESTS_DIR=DIR] [SIGN=1]'
	@echo '                           what one would send: BUILD/series/out'
	@echo 'make check-series          does it apply, compile and work, step by step?'
	@echo 'make mutants               are deliberate bugs found?'
	@echo 'make hostile-images [COUNT=N | SEEDS=FIRST-LAST] [PLAIN=1 | AUTHENTICATED=1]'
	@echo '                           bad images, one after the other'
	@echo 'make bench                 instructions per 4 KiB'
	@echo 'make fstests FSTESTS_DIR=DIR TESTS="..." [FSTYP=btrfs] [ENCRYPT=1]'
	@echo 'make fstests-table FSTESTS_DIR=DIR TESTS="quick" [VARIANT=encrypted]'
	@echo 'make clean                 remove BUILD'
	@echo
	@echo 'Variables: BUILD=DIR (default build), KERNEL=debug or kcsan, VM=uml, JOBS=N, GUESTS=N,'
	@echo 'KSRC=DIR (kernel source), GUEST_BIN=DIR (first in the guest'\''s PATH: the tests of'
	@echo 'fscryptctl take it from there, as built from github.com/google/fscryptctl)'

.PHONY: kernel module
kernel:
	@$(build) kernel

module:
	@$(build) $(if $(KDIR),,kernel) module

.PHONY: demo run shell
demo: SCRIPT = tests/demo
demo run:
	@test -r '$(SCRIPT)' || { echo "error: SCRIPT=FILE must name a script" >&2; exit 1; }
	@$(build) kernel module progs verify
	@$(guest) run '$(abspath $(SCRIPT))'

shell:
	@$(build) kernel module progs verify
	@$(guest) shell

.PHONY: new-test
new-test:
	@tests/new-test '$(NAME)'

.PHONY: test test-long
# Some tests run in User-mode Linux.
test:
	@$(build) kernel module progs verify unpatched
	@VM=uml $(build) kernel module
	@$(in_root) tests/run-tests.py

test-long:
	@$(build) kernel module progs verify unpatched
	@VM=uml $(build) kernel module
	@$(in_root) tests/run-tests.py --long
	@KERNEL=debug $(build) kernel module
	@KERNEL=debug $(in_root) tests/run-tests.py --long
	@VM=uml tests/hostile/many
ifdef FSTESTS_DIR
	@TESTS='-I 50 generic/580 generic/595' tests/fstests/run
	@TIME_FACTOR=10 TESTS=generic/595 tests/fstests/run
endif

.PHONY: check series check-series
check bench: override VM :=
check:
	@$(build) kernel module
	@$(in_root) tests/check

series:
	@$(build) source progs-source
	@$(in_root) series/run

check-series:
	@$(build) source progs verify
	@$(in_root) tests/check-series

.PHONY: bench mutants fstests fstests-table hostile-images
bench mutants:
	@$(build) kernel module progs verify
	@tests/$@/run

fstests:
	@tests/fstests/run

fstests-table:
	@tests/fstests/run table

hostile-images:
	@tests/hostile/many

.PHONY: clean
clean:
	@tests/vm/clean
