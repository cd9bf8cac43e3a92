#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A subvolume that was deleted while a directory in it is open: btrfs's ioctls make the
# same names as before, whether it has encrypted directories or not.
. harness.sh
. encryption.sh

names() {
	names.py "$@"
}

start_encrypted
for parent in "$plain" "$encrypted"; do
	subvolume=$parent/subvolume
	btrfs subvolume create "$subvolume" >/dev/null
	mkdir -p "$subvolume/dir/deeper"
	echo contents >"$subvolume/dir/deeper/file"
	inode=$(stat -c %i "$subvolume/dir/deeper/file")
	dir=$(stat -c %i "$subvolume/dir/deeper")
	exec {fd}<"$subvolume/dir"
	for when in before after; do
		echo "--- $subvolume $when it is deleted"
		[ $when = before ] || btrfs subvolume delete -c "$subvolume"
		[ "$(names paths /proc/$$/fd/$fd "$inode")" = dir/deeper/file ]
		[ "$(names lookup /proc/$$/fd/$fd "$dir")" = dir/deeper/ ]
	done
	expect_error 'No such file or directory' names subvol-info /proc/$$/fd/$fd
	exec {fd}<&-
done
