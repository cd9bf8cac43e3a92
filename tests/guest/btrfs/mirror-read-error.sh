#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Without data checksums, too, a failed read is repeated from the other disk, and
# what comes from there is decrypted: once.
# dmesg: BTRFS error .*bdev /dev/mapper/bad errs
. harness.sh
. encryption.sh
. faults.sh

faulty_disk bad "$TEST_DEV"
devices=(/dev/mapper/bad "$SCRATCH_DEV")
mount_options+=,nodatasum
start_encrypted --data raid1 --metadata raid1
head -c 1M /dev/urandom | tee file >"$encrypted/file"
drop_caches
cmp file "$encrypted/file"

fail_reads bad "$TEST_DEV" 0
# Which copy is read depends on whether the reader's process number is even.
for ((i = 0; i < 6; i++)); do
	# One process more each time.
	for ((n = 0; n < i; n++)); do
		/bin/true
	done
	drop_caches
	cmp file "$encrypted/file"
	direct_dd if="$encrypted/file" bs=256k | cmp file
done
echo "read right, buffered and direct"
errors=$(btrfs device stats "$SCRATCH_MNT" | sed -n 's/.*bad..read_io_errs *//p')
echo "$errors reads failed"
[ "$errors" -gt 0 ] || fail "the bad disk was never read"
