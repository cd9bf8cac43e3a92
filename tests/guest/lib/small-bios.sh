# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Direct writes of many bios.  btrfs copies what is written to folios of up to
# 1 MiB, so only if these can't be had, a bio is full with 256 pages.

# where python3 finds small_bios.py
export PYTHONPATH=$REPO/tests/guest/lib PYTHONDONTWRITEBYTECODE=1

# fail_large_folios: let allocations of more than a page fail for tasks that write
# 1 to their make-it-fail
fail_large_folios() {
	local fault=/sys/kernel/debug/fail_page_alloc
	echo Y >$fault/task-filter
	echo N >$fault/ignore-gfp-wait
	echo 1 >$fault/min-order
	echo -1 >$fault/times
	echo 0 >$fault/verbose
	echo 100 >$fault/probability
}

stop_failing() {
	local fault=/sys/kernel/debug/fail_page_alloc
	echo 0 >$fault/probability
	echo N >$fault/task-filter
	echo Y >$fault/ignore-gfp-wait
}
