#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A snapshot and its source share extents, and each reads its own data: what was
# written before it, and after it on both sides.
# variant: snapshots-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

write() {
	xfs_io -f -c "pwrite -q -S $2 $3 $4" -c fsync "$1"
}
# expect_bytes FILE RUNS: fail unless its runs of equal bytes are these
expect_bytes() {
	local runs
	runs=$(od -A n -v -t x1 -w1 "$1" | uniq -c | tr -s ' ' | tr '\n' ';')
	echo "$1: $runs"
	[ "$runs" = "$2" ] || fail "expected$2"
}

new_btrfs
make_key main
main=$(add_key main)
btrfs subvolume create "$SCRATCH_MNT/source"
set_policy "$SCRATCH_MNT/source" "$main" -v 2
write "$SCRATCH_MNT/source/file" 1 0 20000
btrfs subvolume snapshot "$SCRATCH_MNT/source" "$SCRATCH_MNT/writable"
btrfs subvolume snapshot -r "$SCRATCH_MNT/source" "$SCRATCH_MNT/read-only"
write "$SCRATCH_MNT/source/file" 2 0 5000
write "$SCRATCH_MNT/writable/file" 3 10000 5000
write "$SCRATCH_MNT/source/new" 4 0 10
write "$SCRATCH_MNT/writable/new" 5 0 20
check() {
	echo "--- $1"
	expect_bytes "$SCRATCH_MNT/read-only/file" " 20000 01;"
	expect_bytes "$SCRATCH_MNT/source/file" " 5000 02; 15000 01;"
	expect_bytes "$SCRATCH_MNT/writable/file" " 10000 01; 5000 03; 5000 01;"
	expect_bytes "$SCRATCH_MNT/source/new" " 10 04;"
	expect_bytes "$SCRATCH_MNT/writable/new" " 20 05;"
	[ ! -e "$SCRATCH_MNT/read-only/new" ] || fail "the read-only snapshot has a new file"
}
check "from the cache"
drop_caches
check "after dropping the caches"
remount
check "after a remount"
btrfs subvolume delete "$SCRATCH_MNT/source"
btrfs subvolume sync "$SCRATCH_MNT"
expect_bytes "$SCRATCH_MNT/read-only/file" " 20000 01;"
verify_offline
at_least 3 "subvolumes"
