#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files with one policy share extents, whole and in part, within a file and
# between subvolumes; writing to one leaves the other as it was.
# variant: reflink-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

start_encrypted
write_and_clone() {
	btrfs subvolume create subvolume
	xfs_io -f -c 'pwrite -q -S 1 0 300000' -c 'pwrite -q -S 2 100000 100000' -c fsync source
	xfs_io -f -d -c 'pwrite -q -S 3 0 1m' direct
	cp --reflink=always source whole
	cp --reflink=always source subvolume/whole
	xfs_io -f -c 'pwrite -q -S 4 0 2m' -c fsync -c 'reflink source 65536 131072 8192' \
		-c 'reflink direct 4096 524288 512k' parts
	xfs_io -c 'reflink parts 0 1572864 65536' parts
	# Not to the end of a block, so to the end of the file.
	xfs_io -f -c 'reflink source 294912 4096 0' tail
	# Inline in a plain file, not in an encrypted one.
	echo a short file >short
	cp --reflink=always short short-clone
	sync
	xfs_io -c 'pwrite -q -S 5 50000 10' -c fsync source
	xfs_io -c 'pwrite -q -S 6 200000 10' -c fsync whole
	xfs_io -d -c 'pwrite -q -S 7 64k 64k' direct
	xfs_io -c 'fpunch 100k 100k' -c 'truncate 1800001' parts
	btrfs -q balance start -d "$SCRATCH_MNT"
}
in_both write_and_clone
same_in_both
before=$(filefrag -v "$encrypted/whole" | grep -c shared)
echo "the clone has $before shared extents"
[ "$before" -gt 0 ] || fail "nothing is shared"
rm "$encrypted/source" "$plain/source"
same_in_both
verify_offline
