#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk hangs while everything is in use that a filesystem on it can get: keys for
# blk-crypto, ciphers.  Another filesystem goes on, is unmounted, mounted, and its key
# removed, meanwhile.
. harness.sh
. encryption.sh
. faults.sh
. stacks.sh

# other_works_while_one_hangs
other_works_while_one_hangs() {
	echo "--- $mount_options"
	rm -f synced.* said.*
	make_hanging "$TEST_DEV"
	start_encrypted
	write_for 1 before "$encrypted"

	dirty_files "$TEST_DIR/encrypted" 300
	hang
	stuck sync -f "$TEST_DIR"
	stuck cat "$TEST_DIR/encrypted/old" >/dev/null
	sleep 1
	write_for 1 meanwhile "$encrypted"
	right "$encrypted" before
	in_time remove_key "$main"
	in_time umount "$SCRATCH_MNT"
	in_time mount_btrfs
	in_time add_key main
	right "$encrypted" meanwhile
	kill -0 "${stuck[@]}" || fail "the disk didn't hang"
	if [[ $mount_options == *inlinecrypt* ]]; then
		grep '^blk-crypto' $stats
		awk '/^blk-crypto busy/ { busy += $3 } END { exit !busy }' $stats ||
			fail "no key was in use when somebody wanted one"
	fi

	dmsetup resume hanging
	ended "what the disk kept waiting" "${stuck[@]}"
	stuck=()
	remount_hanging
	right_files "$TEST_DIR/encrypted" 300
	umount "$TEST_DIR" "$SCRATCH_MNT"
	dmsetup remove hanging
}

mount_options=noatime,nodatasum,inlinecrypt
load_engine 1
other_works_while_one_hangs
load_engine 128
other_works_while_one_hangs
mount_options=noatime
load_engine 1
other_works_while_one_hangs
modprobe -r fscrypt_extent
