#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# By changing what is encrypted on the disk, nobody can have a receiver write elsewhere, nor get
# ciphertext, no-key names, or contents of his own into a stream: send fails.
# dmesg: BTRFS error .*root [0-9]+ inode [0-9]+ (has a name that can't be decrypted|is in use and has no links)
# dmesg: BTRFS error .*(plain extent in encrypted file|send: IO error)
# vm: uml
. harness.sh
. bad-image.sh

ciphertexts=()
# note_name INODE: what its name in $directory is on the disk
note_name() {
	local body
	body=$(offline corrupt-item --item "$tree:$1:$INODE_REF:$directory" --show "$SCRATCH_DEV")
	# It follows the index and its own size.
	ciphertexts+=("${body:2 * 10}")
}

# expect_unsent TEXT OPTION...: send fails with that, and neither ciphertext nor a no-key name
# is in the stream
expect_unsent() {
	local name
	expect_error "$1" send-to-file.py stream "${@:2}" "$subvolume"
	send-paths.py stream >paths
	grep subvolume paths
	xxd -p stream | tr -d '\n' >stream.hex
	for name in "${ciphertexts[@]}"; do
		! grep "$name" stream.hex >/dev/null || fail "ciphertext was sent"
	done
	! grep -E '[A-Za-z0-9_-]{22}' paths || fail "a no-key name was sent"
}

echo "--- a name that is the target of a link"
for target in ../elsewhere . ..; do
	start_image
	mount_with_key
	ln -s "$target" "$encrypted/link"
	mkdir "$encrypted/directory"
	touch "$encrypted/directory/name"
	link=$(stat -c %i "$encrypted/link")
	directory=$(stat -c %i "$encrypted/directory")
	inode=$(stat -c %i "$encrypted/directory/name")
	btrfs property set "$subvolume" ro true
	umount "$SCRATCH_MNT"

	# A directory that has the link's context has its key.  Both are a block of the cipher; the
	# header of an inline extent and a size of two bytes come before a target.
	spoil "$directory" $FSCRYPT_INODE_CTX --set "0:$(show "$link" $FSCRYPT_INODE_CTX)"
	body=$(show "$link" $EXTENT_DATA)
	offline corrupt-item --item "$tree:$inode:$INODE_REF:$directory" \
		--set "10:${body:2 * 23}" "$SCRATCH_DEV"
	note_name "$inode"
	mount_with_key
	expect_unsent 'Structure needs cleaning'
	expect_message "inode $directory has a name that can't be decrypted"
	expect_rest_readable
done

echo "--- a directory without links and flag"
start_image
mount_with_key
directory=$(stat -c %i "$encrypted")
btrfs property set "$subvolume" ro true
umount "$SCRATCH_MNT"
note_name "$encrypted_inode"
spoil "$directory" $INODE_ITEM --set 40:00000000
spoil "$directory" $INODE_ITEM --set $INODE_FLAGS_AT:0000000000000000
mount_with_key
expect_unsent 'Structure needs cleaning'
expect_message "inode $directory is in use and has no links"
expect_rest_readable

echo "--- contents in the inode of an encrypted file"
start_image
mount_with_key
directory=$(stat -c %i "$encrypted")
btrfs property set "$subvolume" ro true
umount "$SCRATCH_MNT"
note_name "$encrypted_inode"
# 4 KiB, compressed with zlib, plain, inline
spoil "$encrypted_inode" $EXTENT_DATA --set 8:0010000000000000
spoil "$encrypted_inode" $EXTENT_DATA --set 16:0100
spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_TYPE_AT:00
mount_with_key
expect_unsent 'Input/output error' --compressed-data
expect_unsent 'Input/output error'
expect_rest_readable
