#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The unpatched btrfs refuses to mount a filesystem that has encryption, also
# read-only, and leaves it as it is.
# module: no
# kernel: normal
# dmesg: BTRFS error .*(unknown incompat features|open_ctree failed)
. harness.sh
. encryption.sh
. stock-btrfs.sh

start_encrypted
echo contents >"$encrypted/file"
umount "$SCRATCH_MNT"
before=$(offline sha256sum "$SCRATCH_DEV")
mkfs.btrfs -q "$TEST_DEV"

swap_btrfs insmod "$UNPATCHED_BTRFS"
for options in ro rw ro,rescue=all; do
	dmesg -C
	! mount -o "$options" "$SCRATCH_DEV" "$SCRATCH_MNT" || fail "mounted with $options"
	dmesg
	dmesg | grep 'cannot mount because of unknown incompat features (0x100000000000000)' >/dev/null ||
		fail "other words"
done
# It is no worse otherwise.
mount "$TEST_DEV" "$TEST_DIR"
echo contents >"$TEST_DIR/file"
umount "$TEST_DIR"
[ "$(offline sha256sum "$SCRATCH_DEV")" = "$before" ] || fail "the filesystem has changed"

swap_btrfs modprobe btrfs
mount_btrfs
add_key main
[ "$(<"$encrypted/file")" = contents ] || fail "wrong contents"
