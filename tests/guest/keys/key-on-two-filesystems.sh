#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same key on two filesystems: each is locked for itself.
. harness.sh
. encryption.sh

here=$SCRATCH_MNT/encrypted
there=$TEST_DIR/encrypted

start_encrypted
mkfs.btrfs -qf "$TEST_DEV"
mount "$TEST_DEV" "$TEST_DIR"
xfs_io -c "enckey_status $main" "$TEST_DIR" | grep Absent
xfs_io -c add_enckey "$TEST_DIR" <"$OUT/main.key"
mkdir "$there"
set_policy "$there" "$main" -v 2
head -c 300k /dev/urandom | tee "$here/file" >"$there/file"
head -c 300k /dev/urandom | tee "$here/other" >"$there/other"
drop_caches
exec 5<"$here/file" 6<"$there/file"

remove_busy_key "$main"
xfs_io -c "enckey_status $main" "$TEST_DIR" | grep Present
cmp <(cat <&5) <(cat <&6)
expect_error 'Required key not available' cat "$here/other"
sha256sum "$there/other" >sums

exec 5<&-
remove_key "$main"
echo 1 >/proc/sys/vm/drop_caches
sha256sum -c sums
cp "$there/file" "$there/copy"
cmp "$there/copy" "$there/file"
exec 6<&-
umount "$TEST_DIR"
add_key main
verify_offline
