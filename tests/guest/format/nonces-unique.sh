#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# No two extents have the same nonce: with one, equal data would be equal on the
# disk.  Not after direct writes that are split, nor after short ones, nor after
# clones, snapshots, defragmentation and balance.
. harness.sh
. encryption.sh

start_encrypted
xfs_io -f -d -c 'pwrite -q -V 64 -b 256k 0 4m' "$encrypted/direct"
xfs_io -f -c 'falloc 0 4m' "$encrypted/allocated"
xfs_io -d -c 'pwrite -q -V 64 -b 256k 0 3m' "$encrypted/allocated"
for ((i = 0; i < 40; i++)); do
	echo "pwrite -q $((i * 8))k 4k"
	echo fsync
done | xfs_io -f "$encrypted/fragmented"
cp --reflink=always "$encrypted/direct" "$encrypted/clone"
btrfs subvolume snapshot "$SCRATCH_MNT" "$SCRATCH_MNT/snapshot"
for ((i = 0; i < 20; i++)); do
	echo "pwrite -q $((i * 100))k 4k"
done | xfs_io "$encrypted/clone"
twin-io.py 21 150 "$encrypted" "$plain"
btrfs filesystem defragment -f "$encrypted/fragmented" "$encrypted/clone"
sync
btrfs balance start --full-balance "$SCRATCH_MNT"
sync
# What writes after balance moved the extents.
xfs_io -c 'pwrite -q 1m 4k' "$encrypted/direct"
verify_offline
at_least 70 "encrypted extents"
extents=$(sed -n 's/^encrypted extents: //p' "$OUT/stats")
nonces=$(sed -n 's/^extent nonces: //p' "$OUT/stats")
echo "$extents extents have $nonces nonces"
[ "$extents" = "$nonces" ] || fail "extents share nonces"
