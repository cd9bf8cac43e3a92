#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A block of a read is bad, and reading its other copy fails before it is submitted, for want of
# memory to look up checksums.  The read fails then, and the next one gets the good copy.
# dmesg: BTRFS (error|warning) .*(csum failed|errs: .* corrupt)
# variant: repair-without-memory-authenticated POLICY_FLAGS=0x82 "dmesg=BTRFS error .*(authentication failed|errs: .* corrupt)"
# vm: uml
. harness.sh
. copies.sh
. fault-injection.sh

devices=("$SCRATCH_DEV" "$TEST_DEV")
start_encrypted --data raid1 --metadata raid1
for directory in "$encrypted" "$plain"; do
	for ((i = 0; i < 4; i++)); do
		head -c 64k /dev/urandom >>"$directory/file"
		sync "$directory/file"
	done
done
cp "$encrypted/file" encrypted
cp "$plain/file" plain
spoil_copies "$encrypted/file" "$plain/file"
add_key main

fail_in_all_tasks
read -r start end < <(function_bounds btrfs_check_read_bio)
errors=0
for ((i = 0; i < 4; i++)); do
	for name in encrypted plain; do
		drop_caches
		fail_allocations "$start" "$end" 0 >/dev/null
		cat "$SCRATCH_MNT/$name/file" >got 2>complaint || errors=$((errors + 1))
		stop_failing >/dev/null
		cmp -n "$(stat -c %s got)" got $name || fail "what was read of $name is wrong"
		[ ! -s complaint ] || grep -q "Input/output error" complaint || fail "$(<complaint)"
	done
	/bin/true
done
echo "$errors of 8 reads failed"
[ $errors -ge 2 ] || fail "too few reads failed"
for name in encrypted plain; do
	drop_caches
	cmp "$SCRATCH_MNT/$name/file" $name
done
