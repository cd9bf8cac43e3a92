#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A zoned filesystem refuses policies, and a mount that would give new files one.
# Otherwise it works as ever.
# dmesg: BTRFS error .*encryption is not supported on zoned filesystems
# dmesg: BTRFS error .*open_ctree failed
. harness.sh
. encryption.sh

modprobe null_blk nr_devices=1 gb=2 memory_backed=1 bs=4096 zoned=1 zone_size=64 zone_nr_conv=4
devices=(/dev/nullb0)
new_btrfs -O zoned
make_key main
main=$(add_key main)
mkdir "$encrypted"
expect_error 'Operation not supported' set_policy "$encrypted" "$main" -v 2
[ "$(dmesg | grep -c 'encryption is not supported on zoned filesystems')" = 1 ] ||
	fail "the kernel doesn't say why"
# Nor is a user told to ask root, who can't either.
chown fsgqa "$encrypted"
as fsgqa xfs_io -c add_enckey "$SCRATCH_MNT" <"$OUT/main.key"
dmesg -C
expect_error 'Operation not supported' as fsgqa xfs_io -c "set_encpolicy -v 2 $main" "$encrypted"
dmesg | grep 'encryption is not supported on zoned filesystems'
! dmesg | grep 'as root' || fail "the user is told to ask root"

head -c 4M /dev/urandom | tee expected >"$encrypted/file"
umount "$SCRATCH_MNT"
mount_btrfs
cmp expected "$encrypted/file"
expect_error 'No data available' xfs_io -r -c get_encpolicy "$encrypted"
umount "$SCRATCH_MNT"
mount_options=test_dummy_encryption
expect_error '' mount_btrfs
modprobe -r null_blk
