#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The feature bit, with which stock kernels can't mount a filesystem, is the administrator's
# to set: with mkfs, with a first policy, or with a mount option.  Then users can encrypt.
# vm: uml
. harness.sh
. encryption.sh

# new_filesystem [OPTION...]: with a directory of a user's, who has added the key
new_filesystem() {
	new_btrfs "$@"
	mkdir -m 777 "$SCRATCH_MNT/users"
	as fsgqa mkdir "$SCRATCH_MNT/users"/{one,two}
	main=$(as fsgqa xfs_io -c add_enckey "$SCRATCH_MNT" <"$OUT/main.key" |
		sed -n 's/^Added encryption key with identifier //p')
}

# set_as_user DIRECTORY
set_as_user() {
	as fsgqa xfs_io -c "set_encpolicy -v 2 $main" "$SCRATCH_MNT/users/$1" &&
		as fsgqa sh -c "echo contents >$SCRATCH_MNT/users/$1/file"
}

# has_feature: whether the superblock on the disk has it
has_feature() {
	sync
	btrfs inspect-internal dump-super "$SCRATCH_DEV" | grep EXTENT_FSCRYPT
}

make_key main
echo "--- a user can't set it"
new_filesystem
dmesg -C
expect_error 'Operation not supported' set_as_user one
dmesg
[ "$(dmesg | grep -c .)" = 1 ] || fail "the kernel doesn't say one line"
dmesg | grep 'encryption is not enabled: as root, encrypt an empty directory'
# Nor can who is root among his own.
expect_error 'Operation not supported' as fsgqa unshare --user --map-root-user \
	xfs_io -c "set_encpolicy -v 2 $main" "$SCRATCH_MNT/users/one"
! has_feature || fail "the bit was set"
expect_error 'No data available' xfs_io -r -c get_encpolicy "$SCRATCH_MNT/users/one"

echo "--- an administrator's first policy sets it"
mkdir "$encrypted"
add_key main
set_policy "$encrypted" "$main" -v 2
has_feature
set_as_user one
umount "$SCRATCH_MNT"

echo "--- and so does mkfs"
new_filesystem -O extent-fscrypt
set_as_user one
umount "$SCRATCH_MNT"

echo "--- and who mounts it with a dummy policy"
mount_options=noatime,test_dummy_encryption
new_btrfs
mkdir -m 777 "$SCRATCH_MNT/users"
as fsgqa mkdir "$SCRATCH_MNT/users/one"
lsattr -d "$SCRATCH_MNT/users/one" | grep '^[^ ]*E'
has_feature
