#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Directories whose references form a circle: nobody follows them for ever.
# timeout: 180
# dmesg: BTRFS error .*: directory [0-9]+ is in itself, root 5
# vm: uml
. harness.sh
. encryption.sh
. items.sh


names() {
	names.py "$@"
}

item() {
	offline corrupt-item --item "5:$1:$INODE_REF:$2" "${@:3}" "$SCRATCH_DEV"
}

new_btrfs
deepest=$plain/1/2/3/4/5/6/7
mkdir -p "$deepest"
echo contents >"$deepest/file"
inode=$(stat -c %i "$deepest/file")
first=$(stat -c %i "$plain/1")
parent=$(stat -c %i "$plain")
for length in 2 3 5 7; do
	echo "--- the circle is that long: $length"
	last=$(stat -c %i "$(find "$plain" -name $length)")
	umount "$SCRATCH_MNT"
	ref=$(item "$first" "$parent" --show)
	item "$first" "$parent" --delete
	item "$first" "$last" --insert "$ref"
	expect_check_complaint 'INODE REF.* missing|no inode ref'
	mount_btrfs
	expect_error 'Structure needs cleaning' names paths "$SCRATCH_MNT" "$inode"
	dmesg | grep 'is in itself, root 5'
	dmesg --clear
	expect_error 'File name too long' names lookup "$SCRATCH_MNT" "$inode"
	# A new link, whose directories are logged
	touch "$deepest/new"
	ln "$deepest/"{new,link}
	timeout 30 xfs_io -c fsync "$deepest/new"
	rm "$deepest/"{new,link}
	umount "$SCRATCH_MNT"
	item "$first" "$last" --delete
	item "$first" "$parent" --insert "$ref"
	mount_btrfs
done
[ "$(names paths "$SCRATCH_MNT" "$inode")" = plain/1/2/3/4/5/6/7/file ]
