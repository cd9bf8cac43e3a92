#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The states of a key, with v1 and v2 policies: absent, present, incompletely
# removed.  In each, what the ioctls say and what can be done with files.
. harness.sh
. encryption.sh

no_key='Required key not available'

go_through_states() {
	policy_version=$1
	echo "--- v$1: absent"
	start_encrypted
	remove_key "$main"
	xfs_io_fails "$no_key" -c "rm_enckey $main" "$SCRATCH_MNT"
	expect_error "$no_key" touch "$encrypted/file"
	xfs_io -r -c get_encpolicy "$encrypted" | grep "Master key [a-z]*: $main"

	echo "--- v$1: present"
	[ "$(add_key main)" = "$main" ] || fail "the key has another name"
	key_status "$main" Present
	mkdir "$encrypted/dir"
	echo contents >"$encrypted/dir/file"
	echo contents >"$encrypted/other"

	echo "--- v$1: incompletely removed"
	drop_caches
	exec 5<"$encrypted/dir/file"
	remove_busy_key "$main"
	remove_busy_key "$main"
	[ "$(<"$encrypted/dir/file")" = contents ] || fail "other contents"
	xfs_io -r -c get_encpolicy "$encrypted/dir/file" | grep "Master key [a-z]*: $main"
	expect_error "$no_key" cat "$encrypted/other"
	expect_error "$no_key" touch "$encrypted/dir/new"
	expect_error "$no_key" mkdir "$encrypted/dir/new"
	expect_error "$no_key" ln -s target "$encrypted/dir/new"
	rm "$encrypted/other"

	echo "--- v$1: present again"
	add_key main
	key_status "$main" Present
	cat <&5
	echo contents >"$encrypted/dir/new"

	echo "--- v$1: absent again, when nobody uses the file any more"
	remove_busy_key "$main"
	exec 5<&-
	remove_key "$main"
	xfs_io_fails "$no_key" -c "rm_enckey $main" "$SCRATCH_MNT"
	[ ! -e "$encrypted/dir" ] || fail "a name can be read without the key"
	expect_error "$no_key" cat "$encrypted"/*/*

	add_key main
	[ "$(cd "$encrypted" && echo * dir/*)" = "dir dir/file dir/new" ] || fail "other files"
	[ "$(cat "$encrypted"/dir/*)" = $'contents\ncontents' ] || fail "other contents"

	echo "--- v$1: or when its inode is reclaimed"
	exec 5<"$encrypted/dir/file"
	remove_busy_key "$main"
	exec 5<&-
	until xfs_io -c "enckey_status $main" "$SCRATCH_MNT" | grep Absent; do
		drop_caches
	done
	add_key main
	verify_offline
}

go_through_states 1
go_through_states 2
