#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An inode that has an encryption context but is not flagged as encrypted.
# dmesg: BTRFS (critical|error) 
# vm: uml
. harness.sh
. bad-image.sh

start_image
spoil "$plain_inode" $FSCRYPT_INODE_CTX --insert "$(show "$encrypted_inode" $FSCRYPT_INODE_CTX)"
mount_with_key
expect_error "Structure needs cleaning" cat "$plain/file"
expect_message "BTRFS.*inode[ =]$plain_inode"
cmp good "$encrypted/good"
expect_rest_readable
expect_check_complaint 'encryption context but (is )?not encrypted'
