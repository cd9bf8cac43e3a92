#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Data units of all sizes: the index is counted right from the beginning of the
# extent, through random I/O, clones, defragmentation and balance.
. harness.sh
. encryption.sh
. file-tree.sh

start_encrypted
for log2 in 9 10 11 12; do
	directory=$SCRATCH_MNT/units-$log2
	mkdir "$directory" "$plain/units-$log2"
	set_policy "$directory" "$main" -v 2 -s "$log2"
	make_tree "$directory/tree" "$log2"
	twin-io.py "$log2" 100 "$directory" "$plain/units-$log2"
	cp --reflink=always "$directory/tree/overwritten" "$directory/clone"
	xfs_io -c "reflink $directory/tree/direct 8192 65536 524288" "$directory/clone" | grep ^linked
done
btrfs filesystem defragment -r -f "$SCRATCH_MNT"/units-*
sync
btrfs balance start --full-balance "$SCRATCH_MNT"
for log2 in 9 10 11 12; do
	for number in 0 1; do
		cmp "$SCRATCH_MNT/units-$log2/$log2.$number" "$plain/units-$log2/$log2.$number"
	done
done
verify_offline
at_least 100 "encrypted extents"
