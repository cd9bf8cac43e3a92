#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs-progs and its libraries give the names of subvolumes in encrypted directories as ls
# does, wherever the filesystem is mounted: plaintext with the key, and else no-key names
# that can be looked up.  All else stays as it is on plain ones.
# vm: uml
. harness.sh
. encryption.sh

libraries=$(dirname "$(command -v btrfs)")/../lib

# library_paths MOUNTPOINT: print ID PATH of each subvolume, as libbtrfsutil and libbtrfs tell
library_paths() {
	subvolume-paths.py "$libraries" "$1" | sort -n
}

# expect_path ID PATH: that this path is of the subvolume
expect_path() {
	[ "$(btrfs inspect-internal rootid "$SCRATCH_MNT/$2")" = "$1" ] ||
		fail "subvolume $1 isn't $2"
}

# expect_names: that each subvolume has one line, with a path that is right; they are in
# the file paths then
expect_names() {
	local options id path
	btrfs subvolume list "$SCRATCH_MNT" >listed
	cat listed
	expect_printable listed
	[ "$(wc -l <listed)" = "$count" ] || fail "$(wc -l <listed) lines for $count subvolumes"
	sed 's/^ID \([0-9]*\) .* path /\1 /' listed >paths
	while read -r id path; do
		expect_path "$id" "$path"
	done <paths
	for options in -a -p -c -g -u -q -R -t "-G +1" --sort=path; do
		# shellcheck disable=SC2086
		btrfs subvolume list $options "$SCRATCH_MNT" >columns
		expect_printable columns
		while read -r id path; do
			grep -qE "\<$id\>.*[[:space:]](<FS_TREE>/)?$path$" columns || fail "list $options lacks $id"
		done <paths
	done
	btrfs subvolume get-default "$SCRATCH_MNT" >default
	expect_path "$(awk '{ print $2 }' default)" "$(sed 's/.* path //' default)"
	btrfs qgroup show "$SCRATCH_MNT" >qgroups
	expect_printable qgroups
	while read -r id path; do
		grep "^0/$id .* $path *$" qgroups || fail "qgroup show lacks $id"
	done <paths
	expect_paths "$SCRATCH_MNT"
	# What list says there is relative.
	expect_paths "$TEST_DIR"
	btrfs subvolume list -a "$TEST_DIR" >listed
	expect_printable listed
	[ "$(wc -l <listed)" = "$count" ] || fail "$(wc -l <listed) lines for $count subvolumes"
}

# expect_paths MOUNTPOINT: that these are the same from there
expect_paths() {
	local id path
	library_paths "$1" | diff paths - || fail "the libraries have other names"
	while read -r id path; do
		[ "$(btrfs inspect-internal subvolid-resolve "$id" "$1")" = "$path" ] ||
			fail "subvolid-resolve has another path of $id"
	done <paths
}

# expect_show PATH: what show says of the subvolume with a snapshot
expect_show() {
	btrfs subvolume show "$SCRATCH_MNT/$1" >shown
	expect_printable shown
	[ "$(head -n 1 shown)" = "$1" ] || fail "show has another path"
	grep "Name:.*${1##*/}$" shown
	grep -F "$(sed -n "s/^$snapshot //p" paths)" shown || fail "show lacks the snapshot"
}

start_encrypted
btrfs quota enable "$SCRATCH_MNT"
btrfs subvolume create "$encrypted/one" "$SCRATCH_MNT/outside"
mkdir -p "$encrypted/dir/ectory"
btrfs subvolume create "$encrypted/dir/ectory/$(printf 'n%.0s' {1..200})"
btrfs subvolume create "$encrypted/one/inside"
mkdir "$encrypted/one/inside/directory"
btrfs subvolume create "$encrypted/one/inside/directory/deepest"
btrfs subvolume create "$encrypted/one/inside/directory/deepest/plain name"
for ((i = 0; i < 30; i++)); do
	btrfs subvolume create "$encrypted/$i" >/dev/null
done
btrfs subvolume snapshot -r "$encrypted/one/inside" "$encrypted/snapshot of it"
count=37
snapshot=$(btrfs inspect-internal rootid "$encrypted/snapshot of it")
inside=$(btrfs inspect-internal rootid "$encrypted/one/inside")
deepest=$(btrfs inspect-internal rootid "$encrypted/one/inside/directory/deepest")
btrfs subvolume set-default "$encrypted/one/inside"
mount -o "subvolid=$deepest" "$SCRATCH_DEV" "$TEST_DIR"

echo "--- with the key"
expect_names
grep "^$deepest encrypted/one/inside/directory/deepest$" paths
expect_show encrypted/one/inside
generation=$(btrfs subvolume find-new "$encrypted/one" 9999999 | awk '{ print $NF }')
mkdir "$encrypted/one/new"
head -c 64k /dev/urandom >"$encrypted/one/new/file"
sync
btrfs subvolume find-new "$encrypted/one" "$generation" | grep ' new/file$'

echo "--- without the key"
umount "$TEST_DIR"
remove_key "$main"
mount -o "subvolid=$deepest" "$SCRATCH_DEV" "$TEST_DIR"
expect_names
! grep -E 'one|inside|deepest|ectory|snapshot' paths || fail "names can be read without the key"
expect_show "$(sed -n "s/^$inside //p" paths)"
umount "$TEST_DIR"
add_key main


echo "--- deleted with all below"
btrfs subvolume set-default 5 "$SCRATCH_MNT"
btrfs subvolume delete -R "$encrypted/one"
[ ! -e "$encrypted/one" ] || fail "it is still there"
verify_offline
btrfs inspect-internal dump-tree "$SCRATCH_DEV" >dump
expect_printable dump
