#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, a file that is in use when its key is removed is read and
# written by hardware as before; with its last close, no keyslot has a key.
. harness.sh
. encryption.sh
. inline-disks.sh

make_inline_disks
mount_options=noatime,nodatasum,inlinecrypt
start_encrypted
markers 256 >"$encrypted/file"
exec 5<>"$encrypted/file"
sync
[ "$(inline_disks held)" -gt 0 ] || fail "no keyslot has a key"
remove_busy_key "$main"

echo "--- in use"
before=$(inline_disks encrypted)
markers 256 >&5
xfs_io -c fsync /proc/self/fd/5
[ "$(inline_disks encrypted)" -gt "$before" ] || fail "not written by hardware"
echo 1 >/proc/sys/vm/drop_caches
before=$(inline_disks decrypted)
markers 256 | cmp - /proc/self/fd/5
[ "$(inline_disks decrypted)" -gt "$before" ] || fail "not read by hardware"
[ "$(inline_disks held)" -gt 0 ] || fail "no keyslot has a key"

echo "--- closed"
exec 5<&-
remove_key "$main"
inline_disks_are held 0
inline_disks_are stale 0
[ "$(markers_on /dev/inline0)" = 0 ] || fail "found plaintext"
umount "$SCRATCH_MNT"
