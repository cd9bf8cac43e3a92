#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What btrfstune does to a filesystem leaves its encrypted files as they are, and the
# feature bit in the superblock.
. harness.sh
. encryption.sh

# tune OPTION...: do that, and look at the filesystem without and with the key
tune() {
	echo "--- btrfstune $*"
	offline btrfstune -f "$@" "$SCRATCH_DEV"
	offline btrfs inspect-internal dump-super "$SCRATCH_DEV" >super
	grep -w EXTENT_FSCRYPT super || fail "the feature bit is gone"
	mount_btrfs
	expect_error 'Required key not available' cat "$encrypted"/*
	add_key main >/dev/null
	same_trees "$encrypted" originals "after btrfstune $*"
	umount "$SCRATCH_MNT"
	check_metadata
}

start_encrypted
mkdir originals
for size in 10 5000 300000; do
	head -c $size /dev/urandom | tee "originals/$size" >"$encrypted/$size"
done
umount "$SCRATCH_MNT"
tune --enable-simple-quota
tune --remove-simple-quota
tune --convert-to-block-group-tree
tune --convert-from-block-group-tree
tune -u
# What is for seeds can only be read.
mount_options=noatime,ro
tune -S 1
tune -S 0
mount_options=noatime
tune -m
