#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Filesystems on loop devices on encrypted files when there is no memory but the
# reserves for bounce bios, and the writers' memory cgroup is at its limit: an upper
# filesystem that has the reserve in use must not keep it from a lower one.  The reserves
# of blk-crypto-fallback are not btrfs's: see design.rst.
# long: yes
# guest: own
. harness.sh
. encryption.sh
. fault-injection.sh
. stacks.sh

# stack_works_without_memory: the same as stack_works, but for the writers there is none
stack_works_without_memory() {
	local top start end attribute
	top=$(stack_top)
	echo "--- ${stack_options[*]}, direct I/O $stack_direct_io"
	rm -f synced.* said.*
	in_time make_stack
	fail_in_all_tasks
	read -r start end < <(function_bounds btrfs_alloc_bounce_bio)
	limit_memory 48M
	fail_allocations "$start" "$end" 0
	write_for 2 stack "$top"
	stop_failing
	limit_memory max
	for attribute in "${attributes[@]}"; do
		[ "${failed[$attribute]}" -gt 0 ] || fail "$attribute wasn't tried"
	done
	in_time remount_stack
	right "$top" stack
	in_time unmount_stack
	check_stack
}

load_engine 1
stack_direct_io=on
stack_options[btrfs]=noatime,nodatasum
stack_works_without_memory
stack_options[btrfs]=noatime
stack_works_without_memory
