#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The options of xfs_io's encryption commands that no other test has use for.
. harness.sh
. encryption.sh

descriptor=0123456789abcdef

start_encrypted
mkdir "$SCRATCH_MNT/v1"
echo contents >"$encrypted/file"

echo "--- get_encpolicy"
[ "$(xfs_io -r -c 'get_encpolicy -t' "$SCRATCH_MNT")" = supported ] ||
	fail "v2 policies are not supported"
# The old ioctl knows only v1.
xfs_io_fails 'Invalid argument' -r -c 'get_encpolicy -1' "$encrypted"
set_policy "$SCRATCH_MNT/v1" $descriptor -v 1
for old in '' -1; do
	xfs_io -r -c "get_encpolicy $old" "$SCRATCH_MNT/v1" | tee policy$old
	grep -q "Master key descriptor: $descriptor" policy$old || fail "another policy"
done

echo "--- add_enckey -k: a key that is in a keyring already"
remove_key "$main"
# struct fscrypt_provisioning_key_payload: type (2: identifier, 1: descriptor),
# flags, raw key
provisioning_key() {
	{
		printf '%b' "\\x$1\\0\\0\\0\\0\\0\\0\\0"
		cat "$OUT/main.key"
	} | keyctl padd fscrypt-provisioning "$1" @s
}
id=$(provisioning_key 02)
said=$(xfs_io -c "add_enckey -k $id" "$SCRATCH_MNT")
[[ $said == *"with identifier $main" ]] || fail "added another key: $said"
[ "$(<"$encrypted/file")" = contents ] || fail "other contents"
# It is for one kind of policy only.
xfs_io_fails 'Key was rejected by service' -c "add_enckey -d $descriptor -k $id" "$SCRATCH_MNT"
id=$(provisioning_key 01)
xfs_io -c "add_enckey -d $descriptor -k $id" "$SCRATCH_MNT"
key_status $descriptor Present
echo contents >"$SCRATCH_MNT/v1/file"

echo "--- rm_enckey -a"
xfs_io -c "rm_enckey -a $main" "$SCRATCH_MNT" | grep "^Removed encryption key with identifier $main\$"
key_status "$main" Absent
expect_error 'Required key not available' cat "$encrypted"/*
add_key main
verify_offline --v1-key "$descriptor:$OUT/main.key"
