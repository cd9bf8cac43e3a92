#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# /proc/mounts shows where a mounted subvolume is.  It is made with the mount table locked,
# so it sets up no key: what isn't unlocked already has a no-key name.
. harness.sh
. encryption.sh

# shown: the path of the mounted subvolume
shown() {
	awk -v at="$TEST_DIR" '$2 == at { sub(/.*,subvol=/, "", $4); print $4 }' /proc/self/mounts
}

start_encrypted
mkdir "$encrypted/directory"
btrfs subvolume create "$encrypted/directory/subvolume" >/dev/null
id=$(btrfs inspect-internal rootid "$encrypted/directory/subvolume")
path=/encrypted/directory/subvolume
remount
mount -o "subvolid=$id" "$SCRATCH_DEV" "$TEST_DIR"
shown
[ "$(shown)" = $path ] || fail "not the plaintext of what was looked up with the key"
umount "$TEST_DIR"

umount "$SCRATCH_MNT"
mount_btrfs
mount -o "subvolid=$id" "$SCRATCH_DEV" "$TEST_DIR"
shown
locked=$(cd "$SCRATCH_MNT" && find encrypted -mindepth 2)
[ "$(shown)" = "/$locked" ] || fail "that can't be looked up without the key"

add_key main >/dev/null
shown
[ "$(shown)" = "/$locked" ] || fail "keys were set up to show the path"
[ -d "$SCRATCH_MNT$path" ]
shown
[ "$(shown)" = $path ] || fail "not the plaintext though it was looked up"
umount "$TEST_DIR"
