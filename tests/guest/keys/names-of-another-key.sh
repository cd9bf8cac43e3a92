#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With v1 policies any key can come under a descriptor: with the wrong one, a directory
# can't be read, as its names decrypt to what no name is, and its files aren't found.
# dmesg: BTRFS error .*: root 5 inode [0-9]+ has a name that can't be decrypted
# vm: uml
. harness.sh
. encryption.sh

policy_version=1
start_encrypted
# One in twelve names decrypts to something with a slash or of no length.
touch "$encrypted"/{1..300}
umount "$SCRATCH_MNT"

mount_btrfs
make_key other
[ "$(add_key other)" = "$main" ] || fail "another descriptor"
expect_error 'Structure needs cleaning' ls "$encrypted"
[ ! -e "$encrypted/1" ] || fail "found with another key"
dmesg | grep "root 5 inode $(stat -c %i "$encrypted") has a name that can't be decrypted"

remount
[ "$(find "$encrypted" -type f | wc -l)" = 300 ]
