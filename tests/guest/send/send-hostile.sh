#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Who can write to the disk can't have a receiver write elsewhere, nor get ciphertext, no-key
# names, or contents of his own into a stream: send fails.
# dmesg: BTRFS error .*root [0-9]+ inode [0-9]+ (has a name that can't be decrypted|is in use and has no links)
# dmesg: BTRFS error .*(plain extent in encrypted file|send: IO error)
# vm: uml
. harness.sh
. bad-image.sh

inodes=()
# expect_unsent TEXT OPTION...: send fails with that, and neither ciphertext nor a no-key name
# is in the stream
expect_unsent() {
	expect_error "$1" send-to-file.py stream "${@:2}" "$subvolume"
	send-paths.py stream >paths
	grep subvolume paths
	! grep -E '[\\]x|[A-Za-z0-9_-]{60}' paths || fail "ciphertext was sent"
}

echo "--- a slash in a name"
start_image
mount_image
# Four blocks of the cipher.  A change of one bit of the first is one in the second, too, while
# the first becomes anything: if that has a NUL, the name ends there.
directory=$(stat -c %i "$encrypted")
for i in 1 2 3 4 5; do
	name=$i$(printf 'n%.0s' {1..59})
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
expect_unsent 'Structure needs cleaning'
! grep 'encrypted/.*/' paths || fail "a slash was sent"
ls "$encrypted/$name"
expect_rest_readable

echo "--- a directory without links and flag"
start_image
mount_image
directory=$(stat -c %i "$encrypted")
btrfs property set "$subvolume" ro true
umount "$SCRATCH_MNT"
spoil "$directory" $INODE_ITEM --set 40:00000000
spoil "$directory" $INODE_ITEM --set $INODE_FLAGS_AT:0000000000000000
mount_image
expect_unsent 'Structure needs cleaning'
expect_message "inode $directory is in use and has no links"
expect_rest_readable

echo "--- contents in the inode of an encrypted file"
start_image
mount_image
btrfs property set "$subvolume" ro true
umount "$SCRATCH_MNT"
# 4 KiB, compressed with zlib, plain, inline
spoil "$encrypted_inode" $EXTENT_DATA --set 8:0010000000000000
spoil "$encrypted_inode" $EXTENT_DATA --set 16:0100
spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_TYPE_AT:00
mount_image
expect_unsent 'Input/output error' --compressed-data
expect_unsent 'Input/output error'
expect_rest_readable
