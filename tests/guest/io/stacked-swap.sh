#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Pages are swapped out to a loop device on an encrypted file, as there is too little
# memory, and come back as they were.
# long: yes
. harness.sh
. encryption.sh
. stacks.sh

# use_memory: more than there may be, three times
use_memory() {
	python3 -c 'import mmap
PAGE = 4096
PAGES = 6000
memory = mmap.mmap(-1, PAGES * PAGE, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
for step in range(3):
    for page in range(PAGES):
        at = page * PAGE
        if step and memory[at : at + 12] != b"%12d" % (page + step - 1):
            raise SystemExit(f"page {page} is wrong")
        memory[at : at + PAGE] = b"%12d" % (page + step) + b"THE-PLAINTEXT-MARKER" * 204 + b"1234"'
}

# swap_works: to a new file
swap_works() {
	local loop before
	echo "--- $mount_options, direct I/O $1"
	start_encrypted
	truncate -s 64M "$encrypted/swap"
	loop=$(losetup --find --show --direct-io="$1" "$encrypted/swap")
	mkswap -q "$loop"
	swapon "$loop"
	before=$(awk '/^pswpout/ { print $2 }' /proc/vmstat)
	limit_memory 24M
	in_time use_memory
	limit_memory max
	echo "$(($(awk '/^pswpout/ { print $2 }' /proc/vmstat) - before)) pages were swapped out"
	[ "$(awk '/^pswpout/ { print $2 }' /proc/vmstat)" -gt $((before + 1000)) ] ||
		fail "too few pages were swapped out"
	in_time swapoff "$loop"
	losetup --detach "$loop"
	umount "$SCRATCH_MNT"
	expect_not_on_disks THE-PLAINTEXT-MARKER
}

load_engine 1
swap_works off
mount_options=noatime,nodatasum,inlinecrypt
swap_works on
modprobe -r fscrypt_extent
