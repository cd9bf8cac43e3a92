# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Direct writes of many bios.  btrfs copies what is written to folios of up to
# 1 MiB, so only if these can't be had, a bio is full with 256 pages.

# where python3 finds small_bios.py

. fault-injection.sh

attributes=(fail_page_alloc)

# fail_large_folios: let allocations of more than a page fail for tasks that write
# 1 to their make-it-fail
fail_large_folios() {
	let_fail 100 task-filter=Y ignore-gfp-wait=N min-order=1
}
