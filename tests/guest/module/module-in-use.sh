#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module can't be removed while an encrypted file is in memory, open or not.
# guest: own
. harness.sh
. encryption.sh

start_encrypted
echo contents >"$encrypted/file"
exec 5<"$encrypted/file"
expect_error 'is in use' rmmod fscrypt_extent
exec 5<&-
expect_error 'is in use' rmmod fscrypt_extent
cat "$encrypted/file"
umount "$SCRATCH_MNT"
rmmod fscrypt_extent
modprobe fscrypt_extent
mount_btrfs
add_key main
cat "$encrypted/file"
