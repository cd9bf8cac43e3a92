#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A bad copy is found by its checksum, the other one is read instead, and the bad
# one is overwritten with the same ciphertext: for buffered reads of plain and of
# compressed extents, and for reads that are split between disks.
# dmesg: BTRFS (error|warning) .*(csum failed|errs: .* corrupt)
. harness.sh
. copies.sh

marker=PLAINTEXT-OF-READ-REPAIR
read -ra devices <<<"$SCRATCH_DEV_POOL"
devices=("${devices[@]:1}")
start_encrypted --data raid10 --metadata raid1

text=$(printf "$marker\n%.0s" {1..3000})

# add_extents FILE: random data too, so that a compressed extent has many blocks
add_extents() {
	local i
	for ((i = 0; i < 4; i++)); do
		{
			head -c 64k <<<"$text"
			head -c 64k /dev/urandom
		} >>"$1"
		sync "$1"
	done
}

add_extents "$encrypted/file"
mount -o remount,compress-force=zlib "$SCRATCH_MNT"
add_extents "$encrypted/compressed"
cp "$encrypted"/* .
spoil_copies "$encrypted"/*
add_key main

# Which copy is read depends on whether the reader's process number is even.
for ((i = 0; i < 20 && $(bad_copies) > 0; i++)); do
	# One process more each time.
	for ((n = 0; n < i; n++)); do
		/bin/true
	done
	drop_caches
	cmp file "$encrypted/file"
	cmp compressed "$encrypted/compressed"
	echo "read right; $(bad_copies) copies are still bad"
done
[ "$(bad_copies)" = 0 ] || fail "not all copies were repaired"
verify_offline
at_least 4 "encrypted extents, compression Zlib"
expect_not_on_disks $marker
