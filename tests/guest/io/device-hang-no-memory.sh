#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk hangs, and a filesystem on it has the reserve for bounce bios in use, while
# there is no other memory for these: another filesystem goes on.
# long: yes
# guest: own
. harness.sh
. encryption.sh
. fault-injection.sh
. faults.sh
. stacks.sh

make_hanging "$TEST_DEV"
start_encrypted
dirty_files "$TEST_DIR/encrypted" 300
fail_in_all_tasks
read -r start end < <(function_bounds btrfs_alloc_bounce_bio)
hang
fail_allocations "$start" "$end" 0
stuck sync -f "$TEST_DIR"
sleep 1
write_for 2 meanwhile "$encrypted"
right "$encrypted" meanwhile
kill -0 "${stuck[@]}" || fail "the disk didn't hang"

dmsetup resume hanging
ended "what the disk kept waiting" "${stuck[@]}"
stop_failing
for attribute in "${attributes[@]}"; do
	[ "${failed[$attribute]}" -gt 0 ] || fail "$attribute wasn't tried"
done
remount_hanging
right_files "$TEST_DIR/encrypted" 300
