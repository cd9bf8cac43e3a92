#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while a filesystem is mounted on a loop device on an encrypted
# file: that filesystem goes on working.
. harness.sh
. encryption.sh

for direct in off on; do
	echo "--- direct I/O $direct"
	start_encrypted
	truncate -s 64M "$encrypted/image"
	loop=$(losetup --find --show --direct-io=$direct "$encrypted/image")
	losetup --list --noheadings --output DIO "$loop"
	mkfs.ext4 -q "$loop"
	mount "$loop" "$TEST_DIR"
	head -c 2M /dev/urandom | tee before >"$TEST_DIR/before"

	remove_busy_key "$main"
	head -c 2M /dev/urandom | tee after >"$TEST_DIR/after"
	drop_caches
	cmp before "$TEST_DIR/before"
	cmp after "$TEST_DIR/after"
	rm "$TEST_DIR/before"
	remove_busy_key "$main"

	umount "$TEST_DIR"
	losetup --detach "$loop"
	remove_key "$main"
	remount
	loop=$(losetup --find --show "$encrypted/image")
	e2fsck -fn "$loop"
	mount "$loop" "$TEST_DIR"
	cmp after "$TEST_DIR/after"
	umount "$TEST_DIR"
	losetup --detach "$loop"
	verify_offline
done
