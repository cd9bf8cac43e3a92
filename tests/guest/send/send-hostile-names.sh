#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Who can write to the disk can't have a receiver write elsewhere: a name that has a slash
# when it is decrypted isn't sent.
# dmesg: BTRFS error .*root [0-9]+ inode [0-9]+ has a name that can't be decrypted
# vm: uml
. harness.sh
. bad-image.sh

inodes=()
start_image
mount_image
# Four blocks of the cipher.  A change of one bit of the first is one in the second, too, while
# the first becomes anything: if that has a NUL, the name ends there.
directory=$(stat -c %i "$encrypted")
for i in 1 2 3 4 5; do
	name=$(printf "$i"; printf 'n%.0s' {1..59})
	touch "$encrypted/$name"
	inodes+=("$(stat -c %i "$encrypted/$name")")
done
btrfs property set "$subvolume" ro true
umount "$SCRATCH_MNT"

# The name follows the index and its own size.  'n' and '/' differ by 0x41.
for inode in "${inodes[@]}"; do
	item=$tree:$inode:$INODE_REF:$directory
	body=$(offline corrupt-item --item "$item" --show "$SCRATCH_DEV")
	byte=$((0x${body:2 * 14:2} ^ 0x41))
	offline corrupt-item --item "$item" --set "14:$(printf %02x $byte)" "$SCRATCH_DEV"
done
mount_image
expect_error 'Structure needs cleaning' btrfs send -f stream "$subvolume"
send-paths.py stream >paths
grep file paths
! grep 'encrypted/.*/' paths || fail "a slash was sent"
ls "$encrypted/$name"
expect_rest_readable
