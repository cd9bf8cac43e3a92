#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The encryption flag of what can't be encrypted: devices, FIFOs and sockets.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

INODE_MODE_AT=52

start_image
good=$(show "$encrypted_inode" $INODE_ITEM)
# S_IFIFO, S_IFCHR, S_IFBLK and S_IFSOCK, with 0644
for mode in a411 a421 a461 a4c1; do
	spoil "$encrypted_inode" $INODE_ITEM --set "$INODE_MODE_AT:$mode"
	expect_bad_leaf "ino=$encrypted_inode.* encryption flag"
	expect_check_complaint 'odd inode flags|is encrypted, but its type has no key'
	spoil "$encrypted_inode" $INODE_ITEM --set "0:$good"
done
mount_with_key
cat "$encrypted/file" >/dev/null

# As is one whose name has the same type.
mkfifo "$plain/fifo"
fifo=$(stat -c %i "$plain/fifo")
umount "$SCRATCH_MNT"
flags=$(show "$fifo" $INODE_ITEM)
flags=${flags:INODE_FLAGS_AT * 2:4}
spoil "$fifo" $INODE_ITEM --set "$INODE_FLAGS_AT:${flags:0:2}$(printf %02x $((0x${flags:2:2} | 0x10)))"
spoil "$fifo" $FSCRYPT_INODE_CTX --insert "$(show "$encrypted_inode" $FSCRYPT_INODE_CTX)"
expect_bad_leaf "ino=$fifo.* encryption flag"
expect_check_complaint 'odd inode flags|is encrypted, but its type has no key'
