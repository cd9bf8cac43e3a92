#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Automatic defragmentation doesn't keep a key from being removed, although it has files
# that nobody has open, does a part of them after the other, and leaves them dirty.
# vm: uml
. harness.sh
. encryption.sh

rounds=8

mount_options+=,autodefrag
start_encrypted
for ((round = 1; round <= rounds; round++)); do
	# A small write, so that the file is defragmented, and what there is to do.
	for directory in "$encrypted" "$plain"; do
		xfs_io -f -c "pwrite -q -S $round 0 4k" "$directory/file"
		xfs_io -d -c "pwrite -q -b 32k -S $round 0 12m" "$directory/file"
	done
	# This wakes the cleaner, which does it.
	btrfs filesystem sync "$SCRATCH_MNT"
	sleep "0.$round"
	remove_key "$main"
	add_key main
done
same_in_both
verify_offline
