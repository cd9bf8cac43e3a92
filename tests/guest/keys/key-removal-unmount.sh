#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Unmounting and the removal of a key, with a file open: umount fails and changes
# nothing, a lazy one leaves the file usable; after the last close nothing is left
# of the key, and nothing that was written is lost.
. harness.sh
. encryption.sh

start_encrypted
head -c 300k /dev/urandom | tee expected >"$encrypted/file"
echo contents >"$encrypted/other"
remount

echo "--- busy, key present"
exec 5<>"$encrypted/file"
expect_error 'target is busy' umount "$SCRATCH_MNT"
key_status "$main" Present
cmp expected - <&5

echo "--- busy, key incompletely removed"
remove_busy_key "$main"
expect_error 'target is busy' umount "$SCRATCH_MNT"
xfs_io -c 'pwrite -q -S 1 100k 300k' /proc/self/fd/5
xfs_io -c 'pwrite -q -S 1 100k 300k' expected
key_status "$main" 'Incompletely removed'
exec 5<&-
umount "$SCRATCH_MNT"
mount_btrfs
key_status "$main" Absent
expect_error 'Required key not available' cat "$encrypted"/*
add_key main
cmp expected "$encrypted/file"

echo "--- lazily, then the key is removed through the open file"
exec 5<>"$encrypted/file" 6<"$encrypted"
umount -l "$SCRATCH_MNT"
echo contents >/proc/self/fd/6/new
said=$(xfs_io -c "rm_enckey $main" /proc/self/fd/5)
echo "$said"
[[ $said == *", but files still busy" ]] || fail "no files are said to be busy"
expect_error 'Required key not available' cat /proc/self/fd/6/other
xfs_io -c 'pwrite -q -S 2 200k 300k' /proc/self/fd/5
xfs_io -c 'pwrite -q -S 2 200k 300k' expected
cmp expected - <&5
exec 5<&- 6<&-
mount_btrfs
key_status "$main" Absent
expect_error 'Required key not available' cat "$encrypted"/*
add_key main
cmp expected "$encrypted/file"
[ "$(<"$encrypted/new")" = contents ] || fail "other contents"

echo "--- lazily, with the key present"
exec 5<>"$encrypted/file"
umount -l "$SCRATCH_MNT"
xfs_io -c 'pwrite -q -S 3 0 300k' /proc/self/fd/5
xfs_io -c 'pwrite -q -S 3 0 300k' expected
exec 5<&-
mount_btrfs
key_status "$main" Absent
add_key main
cmp expected "$encrypted/file"
verify_offline
