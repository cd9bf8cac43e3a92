#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A plain file that was put into an encrypted directory while the filesystem was
# not mounted: who relies on the directory's encryption must not write there.
# vm: uml
. harness.sh
. bad-image.sh

start_image
mount_with_key
touch "$encrypted/empty"
inode=$(stat -c %i "$encrypted/empty")
sync
umount "$SCRATCH_MNT"
flags=$(show "$inode" $INODE_ITEM | cut -c $((2 * INODE_FLAGS_AT + 1))-$((2 * INODE_FLAGS_AT + 16)))
# BTRFS_INODE_ENCRYPT is 1 << 12, in little endian.
byte=$((16#${flags:2:2} & ~0x10))
spoil "$inode" $INODE_ITEM --set $((INODE_FLAGS_AT + 1)):"$(printf %02x $byte)"
spoil "$inode" $FSCRYPT_INODE_CTX --delete
expect_check_complaint 'plain inode'
mount_with_key
lsattr "$encrypted" || true
expect_error "Operation not permitted" cat "$encrypted/empty"
expect_error "Operation not permitted" dd if=good of="$encrypted/empty"
cmp good "$encrypted/good"
expect_rest_readable
