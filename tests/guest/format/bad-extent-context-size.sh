#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An extent context that is too short, too long, or not as long as it says.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
for size in 54 57 73 75; do
	good=$(show "$encrypted_inode" $EXTENT_DATA)
	spoil "$encrypted_inode" $EXTENT_DATA --resize $size
	expect_bad_leaf "ino=$encrypted_inode "
	expect_check_complaint 'invalid (file extent item size|item size for encrypted file extent)'
	spoil "$encrypted_inode" $EXTENT_DATA --resize $ENCRYPTED_EXTENT_ITEM_SIZE
	spoil "$encrypted_inode" $EXTENT_DATA --set "0:$good"
done
for size in 00000000 12000000 ffffffff; do
	spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_CONTEXT_SIZE_AT:$size
	expect_bad_leaf "ino=$encrypted_inode "
	expect_check_complaint 'invalid extent context size'
done
