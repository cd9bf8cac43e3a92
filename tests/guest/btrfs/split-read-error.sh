#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A read that is split between two disks fails if one of them does, even if that
# is the last to answer.  Otherwise, a reader would get what happened to be in
# the pages, or on an encrypted file, ciphertext.
# dmesg: BTRFS error .*bdev /dev/mapper/slow errs
. harness.sh
. encryption.sh
. faults.sh

STRIPE=$((64 << 10))
STRIPES=4

# Each two stripes in a row are on two disks, so that they can't be read at once.
direct_reads_fail() {
	local i
	for ((i = 0; i < STRIPES - 1; i++)); do
		expect_error 'Input/output error' \
			xfs_io -d -r -c "pread -b $((2 * STRIPE)) $((i * STRIPE)) $((2 * STRIPE))" "$1"
	done
	echo "$1: none of $i direct reads of two stripes succeeded"
}

# Readahead reads several stripes at once, too, but fails for all of them.  Then
# each page is read again.
buffered_reads_fail_or_are_right() {
	local i failed=0
	for ((i = 0; i < STRIPES; i++)); do
		if dd if="$1" of=read bs=$STRIPE skip="$i" count=1 status=none 2>error; then
			cmp -n $STRIPE read original 0 $((i * STRIPE))
		else
			grep 'Input/output error' error >/dev/null
			failed=$((failed + 1))
		fi
	done
	echo "$1: $failed of $STRIPES buffered reads of a stripe failed, the rest was right"
	[ $failed = $((STRIPES / 2)) ]
}

faulty_disk slow "$TEST_DEV"
devices=(/dev/mapper/slow "$SCRATCH_DEV")
mount_options+=,nodatasum
start_encrypted --data raid0 --metadata raid1
head -c $((STRIPES * STRIPE)) /dev/urandom | tee original "$plain/file" >"$encrypted/file"
same_in_both

fail_reads slow "$TEST_DEV" 100
for directory in "$plain" "$encrypted"; do
	drop_caches
	direct_reads_fail "$directory/file"
	buffered_reads_fail_or_are_right "$directory/file"
done
