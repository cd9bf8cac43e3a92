#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Automatic defragmentation doesn't keep a key from being removed, although it has files
# that nobody has open, and leaves them dirty.
# vm: uml
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

rounds=8

mount_options+=,autodefrag
start_encrypted
head -c 2M /dev/urandom | tee expected >"$encrypted/file"
sync
for ((round = 1; round <= rounds; round++)); do
	for ((at = round; at < 512; at += 32)); do
		head -c 4k /dev/urandom >block
		for file in expected "$encrypted/file"; do
			dd if=block of="$file" bs=4k seek=$at conv=notrunc status=none
		done
	done
	# The commit wakes the cleaner, which does the work.
	sync
	sleep "0.$round"
	remove_key "$main"
	add_key main
done
cmp expected "$encrypted/file"
verify_offline
