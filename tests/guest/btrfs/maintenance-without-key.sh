#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whoever looks after a filesystem needs no key: balance, scrub, replacing, adding
# and removing disks, resizing, snapshots and their deletion.  What has to read or
# write contents is refused.
# timeout: 400
# variant: maintenance-without-key-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. file-tree.sh

read -r second third _ <<<"$SCRATCH_DEV_POOL"
no_key="Required key not available"

start_encrypted
btrfs subvolume create "$SCRATCH_MNT/subvolume"
set_policy "$SCRATCH_MNT/subvolume" "$main" -v 2
for directory in "$encrypted" "$plain" "$SCRATCH_MNT/subvolume"; do
	make_tree "$directory/tree" 1
done
umount "$SCRATCH_MNT"
mount_btrfs
key_status "$main" Absent

echo "--- contents"
file=$(find "$encrypted" -type f -size -2 -size +0 | head -n 1)
expect_error "$no_key" btrfs filesystem defragment "$file"
expect_error "$no_key" btrfs filesystem defragment -r "$encrypted"
expect_error "$no_key" btrfs filesystem du "$file"
expect_error "$no_key" cp --reflink=always "$file" "$plain/new"
expect_error "$no_key" btrfs property set "$file" compression zstd
expect_error "$no_key" btrfs subvolume snapshot "$SCRATCH_MNT/subvolume" "$encrypted/new"

echo "--- snapshots"
btrfs subvolume snapshot "$SCRATCH_MNT/subvolume" "$SCRATCH_MNT/snapshot"
btrfs subvolume snapshot -r "$SCRATCH_MNT/subvolume" "$SCRATCH_MNT/deleted"
btrfs subvolume delete "$SCRATCH_MNT/deleted"
btrfs subvolume sync "$SCRATCH_MNT"

echo "--- the whole filesystem"
btrfs balance start --full-balance --force -dconvert=dup "$SCRATCH_MNT"
btrfs device add -f "$second" "$SCRATCH_MNT"
btrfs balance start --full-balance -dconvert=raid1 -mconvert=raid1 "$SCRATCH_MNT"
btrfs replace start -B -f "$second" "$third" "$SCRATCH_MNT"
btrfs balance start --full-balance --force -dconvert=single -mconvert=single "$SCRATCH_MNT"
btrfs device remove "$SCRATCH_DEV" "$SCRATCH_MNT"
devices=("$third")
btrfs filesystem resize 2G "$SCRATCH_MNT"
# The disks of User-mode Linux can't discard.
[ "$VM" = uml ] || fstrim "$SCRATCH_MNT"
btrfs scrub start -B "$SCRATCH_MNT" | tee scrub
grep 'no errors found' scrub
key_status "$main" Absent

add_key main
for directory in "$encrypted" "$SCRATCH_MNT/subvolume" "$SCRATCH_MNT/snapshot"; do
	same_trees "$plain/tree" "$directory/tree" "with the key again"
done
verify_offline
at_least 30 "encrypted extents"
