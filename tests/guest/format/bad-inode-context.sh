#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An inode's encryption context of a version or size that fscrypt doesn't make.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
good=$(show "$encrypted_inode" $FSCRYPT_INODE_CTX)
for version in 00 03; do
	spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --set 0:$version
	expect_bad_leaf "ino=$encrypted_inode.* encryption context"
	expect_check_complaint 'invalid inode context version'
done
spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --set "0:$good"
for size in 0 28 41; do
	spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --resize $size
	expect_bad_leaf "ino=$encrypted_inode.* encryption context"
	expect_check_complaint '(empty inode context|invalid inode context size)'
	spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --resize $((${#good} / 2))
	spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --set "0:$good"
done
