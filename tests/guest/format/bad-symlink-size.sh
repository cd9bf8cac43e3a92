#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The target of an encrypted symlink that is longer than what is on disk, in an inode with
# a size that no file can have: what is in memory after the target must not be read.
# vm: uml
. harness.sh
. bad-image.sh

INLINE_DATA_AT=21

start_image
mount_with_key
ln -s target "$encrypted/link"
link=$(stat -c %i "$encrypted/link")
umount "$SCRATCH_MNT"
size=$(show "$link" $INODE_ITEM)
size=${size:INODE_SIZE_AT * 2:16}
length=$(show "$link" $EXTENT_DATA)
length=${length:INLINE_DATA_AT * 2:4}

# spoil_link SIZE LENGTH: in hexadecimal, of the inode and of the ciphertext
spoil_link() {
	spoil "$link" $INODE_ITEM --set "$INODE_SIZE_AT:$1"
	spoil "$link" $EXTENT_DATA --set "$INLINE_DATA_AT:$2"
}

for bad in \
	"$size 0000" "$size 0f00" "$size ffff" "$size 0010" \
	"0000000000000000 $length" "0100000000000000 $length" \
	"ffff000000000000 ffff" "ffffffffffffff7f ffff" \
	"ffff000000000080 ffff" "ffffffff00000080 fdff" "ffffffffffffffff 0020"; do
	# shellcheck disable=SC2086 # two words
	spoil_link $bad
	expect_check_complaint 'invalid encrypted symlink'
	mount_btrfs
	locked=$(find "$encrypted/" -type l)
	expect_error 'Structure needs cleaning' readlink -v "$locked"
	expect_error 'Structure needs cleaning' stat "$locked"
	add_key main >/dev/null
	expect_error 'Structure needs cleaning' readlink -v "$encrypted/link"
	umount "$SCRATCH_MNT"
done

spoil_link "$size" "$length"
mount_with_key
[ "$(readlink "$encrypted/link")" = target ]
