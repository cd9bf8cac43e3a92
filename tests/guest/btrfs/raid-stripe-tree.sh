#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With a raid-stripe-tree, which the oracle doesn't know, files are encrypted, read from
# either device, scrubbed and moved.
# kernel: debug
. harness.sh
. encryption.sh

features=$(mkfs.btrfs -O list-all 2>&1)
[[ $features == *raid-stripe-tree* ]] || skip "mkfs.btrfs has no experimental features"

read -ra devices <<<"$SCRATCH_DEV_POOL"
devices=("${devices[@]:0:4}")
for profile in raid0 raid1 raid10; do
	echo "--- $profile"
	start_encrypted --data $profile --metadata raid1 -O raid-stripe-tree
	twin-io.py 5 300 "$encrypted" "$plain"
	same_in_both
	printf 'THE-PLAINTEXT-MARKER%.0s' {1..1000} >"$encrypted/marker"
	btrfs scrub start -B "$SCRATCH_MNT" >scrubbed
	grep 'no errors found' scrubbed || fail "$(<scrubbed)"
	btrfs balance start -d "$SCRATCH_MNT"
	umount "$SCRATCH_MNT"
	check_metadata
	expect_not_on_disks THE-PLAINTEXT-MARKER
done
