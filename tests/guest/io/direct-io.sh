#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Direct I/O, on btrfs and on ext4, in encrypted and in plain files: what is
# written is what buffered reads see, appended or not, and the other way round.
. harness.sh
. encryption.sh

use_direct_io() {
	xfs_io -f -d -c 'pwrite -q -S 1 0 256k' -c 'pwrite -q -S 2 64k 4k' -c 'pwrite -q -S 3 256k 64k' direct
	xfs_io -c 'pwrite -q -S 4 100k 1k' direct
	xfs_io -d -c 'pwrite -q -S 5 128k 8k' direct
	xfs_io -f -c 'pwrite -q -S 6 0 100001' buffered
	direct_dd if=buffered bs=64k | sha256sum
	direct_dd if=direct bs=64k | sha256sum
	sha256sum <direct
}
compare() {
	(cd "$encrypted" && use_direct_io) >encrypted.sums
	(cd "$plain" && use_direct_io) >plain.sums
	cat encrypted.sums
	diff encrypted.sums plain.sums || fail "different on $1"
	drop_caches
	same_trees "$encrypted" "$plain" "on $1"
}

new_ext4
make_directories
compare ext4
remove_key "$main"
umount "$SCRATCH_MNT"

start_encrypted
compare btrfs
verify_offline
