#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A direct write that can't be started for want of memory fails, and gives back the space
# that was reserved for it; btrfs used to do so twice, which the kernel warned of.
# guest: own
. harness.sh
. encryption.sh
. fault-injection.sh

attributes=(failslab)
start_encrypted
head -c 1M /dev/urandom >data
reserved=$(echo /sys/fs/btrfs/*-*/allocation/data/bytes_may_use)
read -r start end < <(function_bounds btrfs_alloc_ordered_extent)
for directory in "$plain" "$encrypted"; do
	touch "$directory/file"
	let_fail 100 "require-start=$start" "require-end=$end" ignore-gfp-wait=N
	expect_error 'Cannot allocate memory' \
		dd if=data of="$directory/file" bs=1M oflag=direct conv=notrunc
	stop_failing
	[ "$(<"$reserved")" = 0 ] || fail "$(<"$reserved") bytes stay reserved"
	dd if=data of="$directory/file" bs=1M oflag=direct conv=notrunc status=none
done
remount
cmp data "$plain/file"
cmp data "$encrypted/file"
