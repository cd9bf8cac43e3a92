#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An unencrypted extent in an encrypted file: what it has must not be taken for the
# file's contents.
# dmesg: BTRFS (critical|error) 
# vm: uml
. harness.sh
. bad-image.sh

start_image
spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_ENCRYPTION_AT:00
spoil "$encrypted_inode" $EXTENT_DATA --resize $EXTENT_ITEM_SIZE
mount_with_key
expect_unreadable cat "$encrypted/file"
expect_unreadable direct_dd if="$encrypted/file" bs=8k
expect_message "BTRFS.*inode[ =]$encrypted_inode"
cmp good "$encrypted/good"
expect_rest_readable
expect_check_complaint 'plain extent in encrypted file'
