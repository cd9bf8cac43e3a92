#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The mount option inlinecrypt can't be set by a remount, stays set with others,
# and brings no hardware-wrapped keys.
# dmesg: can't set inlinecrypt on remount
. harness.sh
. encryption.sh
. inline-disks.sh

make_inline_disks
start_encrypted
expect_error 'bad option' mount -o remount,inlinecrypt "$SCRATCH_MNT"
dmesg | grep "can't set inlinecrypt on remount"
! grep inlinecrypt /proc/mounts || fail "it was set"
umount "$SCRATCH_MNT"

mount_options=noatime,inlinecrypt
mount_btrfs
mount -o remount,ro "$SCRATCH_MNT"
grep inlinecrypt /proc/mounts
mount -o remount,rw,inlinecrypt "$SCRATCH_MNT"
grep inlinecrypt /proc/mounts

# FSCRYPT_ADD_KEY_FLAG_HW_WRAPPED
expect_error 'Operation not supported' python3 -c 'import fcntl, kernel, os, struct, sys
argument = struct.pack("II32xIII28x", 2, 0, 32, 0, 1) + bytes(range(32))
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), kernel.ADD_KEY, argument)' "$SCRATCH_MNT"
umount "$SCRATCH_MNT"
