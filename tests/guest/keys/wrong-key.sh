#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Neither another key nor a damaged identifier gives anything but -ENOKEY.
# dmesg: BTRFS (critical|error) 
. harness.sh
. bad-image.sh

start_image
make_key another
mount_btrfs
add_key another
expect_error "Required key not available" cat "$encrypted"/*
umount "$SCRATCH_MNT"

# The policy of this file only: the last byte of the key identifier
spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --set 23:ff
mount_with_key
expect_error "Required key not available" cat "$encrypted/file"
cmp good "$encrypted/good"
expect_rest_readable
