#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same commands as people type, with fscryptctl, which GUEST_BIN brings in.
. harness.sh
. encryption.sh

command -v fscryptctl || skip "fscryptctl is not in GUEST_BIN"

new_btrfs
make_key main
main=$(fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key")
mkdir "$encrypted" "$plain"
expect_error 'file or directory not encrypted' fscryptctl get_policy "$encrypted"
fscryptctl set_policy "$main" "$encrypted"
fscryptctl get_policy "$encrypted"
fscryptctl get_policy "$encrypted" | grep "Master key identifier: $main" ||
	fail "get_policy doesn't show the key"
echo some contents >"$encrypted/file"
fscryptctl key_status "$main" "$SCRATCH_MNT" | grep "^Present"

echo "--- a file is open"
exec 5<"$encrypted/file"
fscryptctl remove_key "$main" "$SCRATCH_MNT" | grep 'some files using this key are still in-use'
fscryptctl key_status "$main" "$SCRATCH_MNT" | grep '^Incompletely removed'
[ "$(cat <&5)" = "some contents" ] || fail "other contents through the open file"
exec 5<&-

echo "--- none is"
[ -z "$(fscryptctl remove_key "$main" "$SCRATCH_MNT")" ] || fail "remove_key warns"
fscryptctl key_status "$main" "$SCRATCH_MNT" | grep "^Absent"
expect_error 'Required key not available' fscryptctl remove_key "$main" "$SCRATCH_MNT"
ls -l "$encrypted"
[ ! -e "$encrypted/file" ] || fail "a name can be read without the key"
expect_error 'Required key not available' cat "$encrypted"/*
# The policy of the directory is no secret; the file can't be opened for it.
fscryptctl get_policy "$encrypted" | grep "Master key identifier: $main"
expect_error 'Required key not available' fscryptctl get_policy "$encrypted"/*

fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key"
[ "$(<"$encrypted/file")" = "some contents" ] || fail "other contents"
verify_offline
