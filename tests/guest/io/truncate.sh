#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Truncating within a block zeroes the rest of it on disk, where it is
# ciphertext; growing again shows zeroes and not what was there.
. harness.sh
. encryption.sh

# shrink_and_grow NAME XFS_IO_OPTION...
shrink_and_grow() {
	local name=$1
	shift
	in_both xfs_io -f -c 'pwrite -q -S 1 0 40000' -c fsync "$name"
	drop_caches
	for size in 30001 20480 12289 12287 1 0; do
		in_both xfs_io "$@" -c "truncate $size" -c 'truncate 40000' "$name"
	done
	in_both xfs_io "$@" -c 'truncate 4097' "$name"
}

start_encrypted
shrink_and_grow cached
shrink_and_grow synced -s
in_both xfs_io -f -c 'pwrite -q -S 1 0 40000' -c fsync shrunk
drop_caches
in_both truncate -s 33333 shrunk
drop_caches
in_both truncate -s 50000 shrunk
# All at once, from memory.
in_both xfs_io -f -c 'pwrite -q -S 2 0 10000' -c 'truncate 5000' -c 'truncate 9000' \
	-c 'pwrite -q -S 3 8000 3' unsynced
same_in_both
verify_offline
