#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Allocating, punching and zeroing, in the middle of blocks and of extents; what
# btrfs does not have fails as in a plain file.
. harness.sh
. encryption.sh

start_encrypted
# Allocated space is written in pieces, so that its extents are split.
in_both xfs_io -f -c 'falloc 0 2m' -c 'pwrite -q -S 1 4k 4k' -c fsync -c 'pwrite -q -S 2 100001 50000' \
	-c fsync -c 'pwrite -q -S 3 1m 4k' -c 'pwrite -q -S 4 1044480 100' allocated
in_both xfs_io -f -c 'pwrite -q -S 1 0 10000' -c 'falloc -k 0 1m' -c 'pwrite -q -S 2 50000 10' beyond-the-end
in_both xfs_io -f -c 'pwrite -q -S 1 0 1m' -c fsync -c 'fpunch 4k 8k' -c 'fpunch 50001 100' \
	-c 'fpunch 65535 20003' -c 'fpunch 1m 4k' -c 'fpunch 1048000 2000' punched
in_both xfs_io -f -c 'pwrite -q -S 1 0 1m' -c fsync -c 'fzero 4k 8k' -c 'fzero 50001 100' \
	-c 'fzero 65535 20003' -c 'fzero -k 1048000 2000' -c 'pwrite -q -S 2 70000 10' zeroed
in_both xfs_io -f -c 'pwrite -q -S 1 0 1m' -c fsync -c 'fzero 1048000 20000' zeroed-and-extended
for command in 'fcollapse 0 4k' 'finsert 0 4k'; do
	for directory in "$encrypted" "$plain"; do
		expect_error 'Operation not supported' xfs_io -c "$command" "$directory/punched"
	done
done
same_in_both
verify_offline
at_least 1 "encrypted prealloc items"
