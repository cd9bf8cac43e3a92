#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Users without any rights encrypt what is theirs with fscryptctl.  A key is there
# until everybody who has added it has removed it, or root has for all of them.
. harness.sh
. encryption.sh

command -v fscryptctl || skip "no fscryptctl: build github.com/google/fscryptctl and give its directory as GUEST_BIN"

# status_is STATUS USER: fail unless key_status says exactly that to the user
status_is() {
	local said
	said=$(as "$2" fscryptctl key_status "$main" "$SCRATCH_MNT")
	echo "the key's status for $2: $said"
	[ "$said" = "$1" ] || fail "'$said' instead of '$1'"
}

one=fsgqa two=fsgqa2
new_btrfs -O extent-fscrypt
make_key main
for user in $one $two; do
	mkdir "$SCRATCH_MNT/$user"
	chown "$user:" "$SCRATCH_MNT/$user"
done

echo "--- a key that one user has added"
main=$(as $one fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key")
status_is "Present (user_count=1, added_by_self)" $one
status_is "Present (user_count=1)" $two
as $one fscryptctl set_policy "$main" "$SCRATCH_MNT/$one"
as $one sh -c "echo contents >$SCRATCH_MNT/$one/file"
expect_error 'Permission denied' as $one fscryptctl set_policy "$main" "$SCRATCH_MNT/$two"
# Whoever hasn't shown that he knows it can't use it.
expect_error 'Required key not available' as $two fscryptctl set_policy "$main" "$SCRATCH_MNT/$two"
expect_error 'Required key not available' as $two fscryptctl remove_key "$main" "$SCRATCH_MNT"

echo "--- two users"
as $two fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key"
status_is "Present (user_count=2, added_by_self)" $two
as $two fscryptctl set_policy "$main" "$SCRATCH_MNT/$two"
as $two sh -c "echo contents >$SCRATCH_MNT/$two/file"
as $one fscryptctl remove_key "$main" "$SCRATCH_MNT" | grep 'other users still have this key added'
status_is "Present (user_count=1)" $one
[ "$(<"$SCRATCH_MNT/$one/file")" = contents ] || fail "locked, though another user has the key"
[ -z "$(as $two fscryptctl remove_key "$main" "$SCRATCH_MNT")" ] || fail "remove_key warns"
status_is Absent $one
expect_error 'Required key not available' cat "$SCRATCH_MNT/$one"/*

echo "--- root removes it for both"
for user in $one $two; do
	as "$user" fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key"
done
status_is "Present (user_count=2)" root
expect_error 'Permission denied' as $one fscryptctl remove_key --all-users "$main" "$SCRATCH_MNT"
status_is "Present (user_count=2)" root
[ -z "$(fscryptctl remove_key --all-users "$main" "$SCRATCH_MNT")" ] || fail "remove_key warns"
status_is Absent $one
expect_error 'Required key not available' cat "$SCRATCH_MNT/$two"/*

add_key main
[ "$(<"$SCRATCH_MNT/$two/file")" = contents ] || fail "other contents"
verify_offline
