#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An encrypted extent in a plain file: it must not be read as if it were plain.
# dmesg: BTRFS (critical|error) 
# vm: uml
. harness.sh
. bad-image.sh

start_image
context=$(show "$encrypted_inode" $EXTENT_DATA | tail -c 43)
spoil "$plain_inode" $EXTENT_DATA --resize $ENCRYPTED_EXTENT_ITEM_SIZE
spoil "$plain_inode" $EXTENT_DATA --set "$EXTENT_CONTEXT_SIZE_AT:$context"
spoil "$plain_inode" $EXTENT_DATA --set $EXTENT_ENCRYPTION_AT:01
mount_with_key
expect_unreadable cat "$plain/file"
expect_unreadable direct_dd if="$plain/file" bs=8k
expect_message "BTRFS.*inode[ =]$plain_inode"
cmp good "$encrypted/good"
expect_rest_readable
expect_check_complaint 'encrypted extent in plain file'
