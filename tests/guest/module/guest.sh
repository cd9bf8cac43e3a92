#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A guest has what Documentation/testing.rst promises to every test.
. harness.sh

[ "$(id -u)" = 0 ] || fail "not root"
[ "$STAGE" = 1 ] || fail "STAGE is $STAGE"
[ -z "$(ls -A)" ] || fail "the working directory is not empty"

pool=$(wc -w <<<"$SCRATCH_DEV_POOL")
[ "$pool" = 5 ] || fail "SCRATCH_DEV_POOL has $pool devices"
for disk in $TEST_DEV $SCRATCH_DEV $SCRATCH_DEV_POOL; do
	size=$(blockdev --getsize64 "$disk")
	[ "$size" -ge $((1 << 30)) ] || fail "$disk has $size bytes"
	cmp -n $((1 << 20)) "$disk" /dev/zero || fail "$disk is not blank"
done

for program in fscrypt xfs_io mkfs.xfs mkfs.btrfs mkfs.ext4 mkfs.f2fs cryptsetup \
	fio keyctl python3; do
	command -v "$program" || fail "$program is missing"
done
keyctl show @s

# What one side writes, the other side reads.
mkfs.btrfs -q "$SCRATCH_DEV"
mount "$SCRATCH_DEV" "$SCRATCH_MNT"
echo marker-in-a-plain-file >"$SCRATCH_MNT/file"
umount "$SCRATCH_MNT"
found=$(offline python3 tests/guest/lib/occurrences.py marker-in-a-plain-file "$SCRATCH_DEV") ||
	fail "the image can't be read"
[ "$found" -gt 0 ] || fail "the image does not have what was written"
expect_error 'No such file' offline cat /nonexistent
run_expect 3 offline bash -c 'exit 3'
echo kept >"$OUT/file"
[ "$(offline cat "$OUT/file")" = kept ] || fail "OUT is not shared"
