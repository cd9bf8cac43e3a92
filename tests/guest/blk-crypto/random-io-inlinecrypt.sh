#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, encrypted by hardware that has one
# keyslot, and by blk-crypto-fallback.
. harness.sh
. encryption.sh
. inline-disks.sh

mount_options=noatime,nodatacow,inlinecrypt
echo "--- fallback"
start_encrypted
same_random_io 1
make_inline_disks megabytes=1024 keyslots=1
echo "--- hardware"
start_encrypted
twin-io.py 2 400 "$encrypted" "$plain"
same_in_both
inline_disks_are stale 0
[ "$(inline_disks encrypted)" -gt 100 ] || fail "the disk encrypted too little"
umount "$SCRATCH_MNT"
replace_inline_disk "$SCRATCH_DEV"
add_key main >/dev/null
same_trees "$encrypted" "$plain" "without hardware"
verify_offline
