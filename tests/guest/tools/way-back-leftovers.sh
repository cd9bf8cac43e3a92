#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is left of encryption on a damaged filesystem keeps its feature bit: a context, an
# encrypted name, an encrypted extent, where no inode is encrypted.
# vm: uml
. harness.sh
. bad-image.sh

# expect_left INODE: that it is in the way
expect_left() {
	expect_error "inode $1 of subvolume $tree is encrypted" \
		offline btrfstune --remove-extent-fscrypt "$SCRATCH_DEV"
}

start_image
mount_with_key
rm -r "$encrypted"
directory=$(stat -c %i "$plain")
umount "$SCRATCH_MNT"

context=0201040300000000$(printf '%064d' 0)
offline corrupt-item --item "$tree:$plain_inode:$FSCRYPT_INODE_CTX:0" --insert "$context" "$SCRATCH_DEV"
expect_left "$plain_inode"
spoil "$plain_inode" $FSCRYPT_INODE_CTX --delete

offline corrupt-item --item "$tree:$directory:$DIR_INDEX:2" --set $DIR_ITEM_TYPE_AT:81 "$SCRATCH_DEV"
expect_left "$directory"
offline corrupt-item --item "$tree:$directory:$DIR_INDEX:2" --set $DIR_ITEM_TYPE_AT:01 "$SCRATCH_DEV"

for change in "--resize $ENCRYPTED_EXTENT_ITEM_SIZE" "--set $EXTENT_CONTEXT_SIZE_AT:1100000001" \
	"--set $EXTENT_ENCRYPTION_AT:01"; do
	# shellcheck disable=SC2086 # two words
	spoil "$plain_inode" $EXTENT_DATA $change
done
expect_left "$plain_inode"
spoil "$plain_inode" $EXTENT_DATA --set "$EXTENT_ENCRYPTION_AT:00"
spoil "$plain_inode" $EXTENT_DATA --resize "$EXTENT_ITEM_SIZE"

offline btrfstune --remove-extent-fscrypt "$SCRATCH_DEV"
offline btrfs check --readonly "$SCRATCH_DEV"
