#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An inode that is flagged as encrypted but has no encryption context.
# dmesg: BTRFS (critical|error) 
# vm: uml
. harness.sh
. bad-image.sh

start_image
spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --delete
mount_with_key
expect_error "Structure needs cleaning" cat "$encrypted/file"
expect_message "BTRFS.*inode[ =]$encrypted_inode"
cmp good "$encrypted/good"
expect_rest_readable
expect_check_complaint 'encrypted without encryption context'
