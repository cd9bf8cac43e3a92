#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is added again while a file from before its removal is open.  With a v1
# policy, another key can come under the same descriptor: files that are open keep
# theirs, and share no extents with those that have the new one.
. harness.sh
. encryption.sh

# start_open: a file in $encrypted is open and its key removed
start_open() {
	start_encrypted
	mkdir "$SCRATCH_MNT/new"
	set_policy "$SCRATCH_MNT/new" "$main" -v "$policy_version"
	head -c 300k /dev/urandom | tee expected >"$encrypted/file"
	exec 5<>"$encrypted/file"
	remove_busy_key "$main"
}

for policy_version in 1 2; do
	echo "--- v$policy_version: the same key"
	start_open
	add_key main
	key_status "$main" Present
	cp --reflink=always /proc/self/fd/5 "$SCRATCH_MNT/new/clone"
	xfs_io -c 'pwrite -q -S 1 100k 100k' /proc/self/fd/5
	cmp expected "$SCRATCH_MNT/new/clone"
	xfs_io -c 'pwrite -q -S 1 100k 100k' expected
	exec 5<&-
	drop_caches
	cmp expected "$encrypted/file"
	remove_key "$main"
	add_key main
	cmp expected "$encrypted/file"
	verify_offline
done

echo "--- v1: another key"
policy_version=1
start_open
make_key other
[ "$(add_key other)" = "$main" ] || fail "another descriptor"
key_status "$main" Present
head -c 300k /dev/urandom | tee other >"$SCRATCH_MNT/new/file"
xfs_io_fails 'Invalid argument' -c 'reflink -q /proc/self/fd/5' "$SCRATCH_MNT/new/file"
xfs_io -c 'pwrite -q -S 1 100k 1m' /proc/self/fd/5
xfs_io -c 'pwrite -q -S 1 100k 1m' expected
drop_caches
cmp expected /proc/self/fd/5
cmp other "$SCRATCH_MNT/new/file"
exec 5<&-
remove_key "$main"

add_key main
cmp expected "$encrypted/file"
[ ! -e "$SCRATCH_MNT/new/file" ] || fail "the other key's names can be read with this one"
remove_key "$main"
add_key other
cmp other "$SCRATCH_MNT/new/file"
[ ! -e "$encrypted/file" ] || fail "this key's names can be read with the other one"
