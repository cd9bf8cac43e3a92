#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel loads the module where it is going to be needed: when a filesystem
# that has encrypted files is mounted, and when a key is added to any other.
# module: no
. harness.sh
. encryption.sh

expect_module() {
	local state=absent
	! grep -q '^fscrypt_extent ' /proc/modules || state=loaded
	echo "after $2: $state"
	[ $state = "$1" ] || fail "the module should be $1 after $2"
}

new_btrfs
expect_module absent "mounting a new filesystem"
make_key main
main=$(add_key main)
expect_module loaded "adding a key"
mkdir "$encrypted"
set_policy "$encrypted" "$main" -v 2
echo contents >"$encrypted/file"
umount "$SCRATCH_MNT"

modprobe -r fscrypt_extent
expect_module absent "removing the module"
mount_btrfs
expect_module loaded "mounting a filesystem that has encryption"
