#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which policies a directory can get, and what becomes of them.
. harness.sh
. encryption.sh

# one_line_says TEXT: fail unless that is all that the kernel has to say
one_line_says() {
	dmesg
	[ "$(dmesg | grep -c .)" = 1 ] || fail "the kernel doesn't say one line"
	dmesg | grep -q "$1" || fail "the kernel doesn't say $1"
}

start_encrypted
make_key other
other=$(add_key other)
mkdir "$SCRATCH_MNT"/{full,new}
touch "$SCRATCH_MNT/full/file"

echo "--- what is no empty directory, or has another policy"
expect_error 'Directory not empty' set_policy "$SCRATCH_MNT/full" "$main" -v 2
expect_error 'Not a directory' set_policy "$SCRATCH_MNT/full/file" "$main" -v 2
set_policy "$encrypted" "$main" -v 2
expect_error 'File exists' set_policy "$encrypted" "$other" -v 2
btrfs subvolume snapshot -r "$SCRATCH_MNT" "$SCRATCH_MNT/snapshot"
expect_error 'Read-only file system' set_policy "$SCRATCH_MNT/snapshot/new" "$main" -v 2

echo "--- policies that can't work with a key per extent"
dmesg -C
expect_error 'Invalid argument' set_policy "$SCRATCH_MNT/new" "$main" -v 2 -f 0x8
one_line_says IV_INO_LBLK_64
dmesg -C
expect_error 'Invalid argument' set_policy "$SCRATCH_MNT/new" "$main" -v 2 -f 0x10
one_line_says IV_INO_LBLK_32
expect_error 'No data available' xfs_io -r -c get_encpolicy "$SCRATCH_MNT/new"
dmesg -C
expect_error 'Operation not supported' python3 - "$SCRATCH_MNT" <<'END'
import fcntl, kernel, os, struct, sys
IDENTIFIER, HW_WRAPPED = 2, 1
key = struct.pack("II32xIII28x", IDENTIFIER, 0, 64, 0, HW_WRAPPED) + bytes(range(64))
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), kernel.ADD_KEY, bytearray(key))
END
one_line_says inlinecrypt

echo "--- inherited by all that is created"
mkdir -p "$encrypted/dir/dir"
touch "$encrypted/dir/file"
policy=$(xfs_io -r -c get_encpolicy "$encrypted")
echo "$policy"
for path in "$encrypted"/dir{,/dir,/file}; do
	[ "$(xfs_io -r -c get_encpolicy "$path" | tail -n +2)" = "$(tail -n +2 <<<"$policy")" ] ||
		fail "$path has another policy"
done
for path in "$encrypted"{,/dir,/dir/dir,/dir/file}; do
	attributes=$(xfs_io -r -c 'statx -r -m all' "$path" | sed -n 's/^stat.attributes = //p')
	echo "$path: attributes $attributes"
	(((attributes & 0x800) == 0x800)) || fail "$path does not have STATX_ATTR_ENCRYPTED"
done
attributes=$(xfs_io -r -c 'statx -r -m all' "$plain" | sed -n 's/^stat.attributes = //p')
(((attributes & 0x800) == 0)) || fail "$plain has STATX_ATTR_ENCRYPTED"
lsattr -d "$encrypted" | grep '^[^ ]*E' || fail "no E from lsattr"
# Setting other attributes must neither be refused for E nor lose it.
chattr +A "$encrypted/dir/file"
lsattr "$encrypted/dir/file" | grep '^[^ ]*A[^ ]*E\|^[^ ]*E[^ ]*A'
verify_offline
