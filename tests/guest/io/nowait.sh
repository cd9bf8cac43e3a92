#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Direct I/O with RWF_NOWAIT, and from an io_uring, doesn't wait for a cipher: a worker does.
# vm: uml
# module: no
. harness.sh
. encryption.sh
. held-ciphers.sh

# make_file: 16 preallocated blocks, then 16 with data
make_file() {
	xfs_io -f -c 'falloc 0 64k' -c 'pwrite -q -S 0x61 64k 64k' "$encrypted/file"
	drop_caches
}

now() {
	# No page of the file is in memory.
	drop_caches
	nowait.py "$encrypted/file" now
}

load_held_engine 1
for options in noatime noatime,nodatacow noatime,inlinecrypt,nodatasum; do
	echo "--- $options"
	mount_options=$options
	start_encrypted
	make_file
	# It sets the key of this extent.
	head -c 64k /dev/urandom >"$encrypted/held"
	hold_ciphers
	sync "$encrypted/held" &
	until_held 1
	: >said
	nowait.py "$encrypted/file" submit >said &
	for ((i = 0; i < 600; i++)); do
		! grep submitted said || break
		sleep 0.1
	done
	grep submitted said || fail "io_uring waited for a cipher"
	! grep ended said || fail "no cipher was needed"
	release_ciphers
	wait
	grep ended said
	[ "$(head -c 9 "$encrypted/file")" = submitted ] || fail "it wasn't written"
	now
	verify_offline
done

echo "--- no worker may encrypt"
mount_options=noatime
devices=("$SCRATCH_DEV" "$TEST_DEV" "${SCRATCH_DEV_POOL%% *}")
start_encrypted --data raid5 --metadata raid1
make_file
if now 2>said; then
	fail "the submitter encrypted it, and so might have waited"
fi
grep BlockingIOError said
verify_offline
