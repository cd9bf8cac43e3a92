#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files that wait to be defragmented automatically when their key is removed: they
# are left alone, and don't keep the key from being removed.
. harness.sh
. encryption.sh

mount_options+=,autodefrag
start_encrypted
head -c 1M /dev/urandom | tee expected >"$encrypted/file"
sync
for ((at = 0; at < 256; at += 8)); do
	for file in expected "$encrypted/file"; do
		dd if=/dev/zero of="$file" bs=4k seek=$at count=1 conv=notrunc,fsync status=none
	done
done
remove_key "$main"
# This wakes the cleaner, which does the work.
for ((i = 0; i < 3; i++)); do
	touch "$plain/$i"
	btrfs filesystem sync "$SCRATCH_MNT"
	sleep 1
done
key_status "$main" Absent
add_key main
cmp expected "$encrypted/file"
verify_offline
