#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Loading, using and removing the module 20 times leaves no memory behind.  On
# the debug kernel kmemleak is asked, too.
# guest: own
. harness.sh
. encryption.sh

modprobe -r fscrypt_extent
start_encrypted
echo contents >"$encrypted/file"
umount "$SCRATCH_MNT"
for ((i = 1; i <= 20; i++)); do
	modprobe -r fscrypt_extent
	# Large, so that one that is left behind can't be overlooked.
	modprobe fscrypt_extent pool_size=4096
	mount_btrfs
	add_key main >/dev/null
	[ "$(<"$encrypted/file")" = contents ] || fail "wrong contents"
	echo contents >"$encrypted/file"
	pool=$(kernel_memory)
	umount "$SCRATCH_MNT"
	modprobe -r fscrypt_extent
	left=$(kernel_memory)
	pool=$((pool - left))
	[ $i != 5 ] || fifth=$left
	echo "round $i: used for the pool $pool KiB, left $left KiB"
done
growth=$((left - fifth))
echo "growth in 15 rounds: $growth KiB"
[ "$growth" -lt "$pool" ] || fail "memory was left behind"
