#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# References to a directory that is something else, in images that somebody made.  Names
# are decrypted with keys of directories only, and what isn't encrypted is shown as ever.
# timeout: 600
# dmesg: BTRFS error .*: root [0-9]+ .*has names in it but is no (directory|subvolume)
# vm: uml
. harness.sh
. encryption.sh
. items.sh

EXTENT_TREE=2
name=a-name-of-more-than-16-bytes
subvolume=$SCRATCH_MNT/$name

names() {
	names.py "$@"
}

# item TREE:OBJECTID:TYPE:OFFSET ACTION...
item() {
	offline corrupt-item --item "$@" "$SCRATCH_DEV"
}

# le64 NUMBER: in hexadecimal, as it is on disk
le64() {
	python3 -c 'import sys; print(int(sys.argv[1]).to_bytes(8, "little").hex())' "$1"
}

# expect_no_directory: the kernel said that $wrong is none since the last mount
expect_no_directory() {
	expect_message "root 5 inode $wrong has names in it but is no directory"
}

mount_unlocked() {
	mount_btrfs
	add_key main >/dev/null
}

start_encrypted
echo contents >"$encrypted/file"
ln -s file "$encrypted/link"
echo contents >"$plain/$name"
mkfifo "$plain/fifo"
named=$(stat -c %i "$plain/$name")
plain_dir=$(stat -c %i "$plain")
fifo=$(stat -c %i "$plain/fifo")
not_directories=("$(stat -c %i "$encrypted/file")" "$(stat -c %i "$encrypted/link")")
btrfs subvolume create "$subvolume" >/dev/null
id=$(btrfs inspect-internal rootid "$subvolume")
[ "$(names subvol-info "$subvolume")" = "$name" ]
[ "$(names lookup-user "$SCRATCH_MNT" "$id" 256)" = "$name" ]
[ "$(names paths "$SCRATCH_MNT" "$named")" = "plain/$name" ]
umount "$SCRATCH_MNT"

for wrong in "${not_directories[@]}"; do
	echo "--- ROOT_BACKREF names inode $wrong"
	item "1:$id:$ROOT_BACKREF:5" --set "0:$(le64 "$wrong")"
	expect_check_complaint 'errors found in root refs|ROOT_BACKREF.* mismatch'
	mount_unlocked
	expect_error 'Structure needs cleaning' names subvol-info "$subvolume"
	expect_error 'Structure needs cleaning' mount -o "subvolid=$id" "$SCRATCH_DEV" "$TEST_DIR"
	mount -o "subvol=$name" "$SCRATCH_DEV" "$TEST_DIR"
	# With its key set up
	cat "$encrypted/link"
	grep "$TEST_DIR" /proc/self/mounts
	expect_no_directory
	umount "$TEST_DIR"
	umount "$SCRATCH_MNT"
	item "1:$id:$ROOT_BACKREF:5" --set "0:$(le64 256)"

	echo "--- ROOT_REF names inode $wrong"
	item "1:5:$ROOT_REF:$id" --set "0:$(le64 "$wrong")"
	expect_check_complaint 'errors found in root refs|ROOT_REF.* mismatch'
	mount_unlocked
	expect_error 'Structure needs cleaning' names lookup-user "$SCRATCH_MNT" "$id" "$wrong"
	expect_no_directory
	umount "$SCRATCH_MNT"
	item "1:5:$ROOT_REF:$id" --set "0:$(le64 256)"

	echo "--- INODE_REF names inode $wrong"
	ref=$(item "5:$named:$INODE_REF:$plain_dir" --show)
	item "5:$named:$INODE_REF:$plain_dir" --delete
	item "5:$named:$INODE_REF:$wrong" --insert "$ref"
	expect_check_complaint 'no inode ref|INODE REF.* missing'
	mount_unlocked
	expect_error 'Structure needs cleaning' names paths "$SCRATCH_MNT" "$named"
	expect_error 'Structure needs cleaning' names lookup "$SCRATCH_MNT" "$named"
	expect_no_directory
	umount "$SCRATCH_MNT"
	item "5:$named:$INODE_REF:$wrong" --delete
	item "5:$named:$INODE_REF:$plain_dir" --insert "$ref"

	echo "--- INODE_EXTREF names inode $wrong"
	item "5:$named:$INODE_EXTREF:1" --insert "$(le64 "$wrong")$(le64 9)${ref:16}"
	expect_check_complaint 'no dir item|not equal to inode_refs'
	mount_unlocked
	# btrfs leaves out the paths of these that it can't make.
	[ "$(names paths "$SCRATCH_MNT" "$named")" = "plain/$name" ]
	expect_no_directory
	umount "$SCRATCH_MNT"
	item "5:$named:$INODE_EXTREF:1" --delete
	# No more than ten of these messages are printed in five seconds.
	sleep 5
done

for plain_one in "$named" "$fifo"; do
	echo "--- ROOT_BACKREF names inode $plain_one, which isn't encrypted"
	item "1:$id:$ROOT_BACKREF:5" --set "0:$(le64 "$plain_one")"
	expect_check_complaint 'errors found in root refs|ROOT_BACKREF.* mismatch'
	mount_unlocked
	[ "$(names subvol-info "$subvolume")" = "$name" ] || fail "another name"
	umount "$SCRATCH_MNT"
done

echo "--- ROOT_BACKREF names an inode that isn't there, so nobody knows what the name is"
item "1:$id:$ROOT_BACKREF:5" --set "0:$(le64 12345678)"
expect_check_complaint 'errors found in root refs|ROOT_BACKREF.* mismatch'
mount_unlocked
expect_error 'No such file or directory' names subvol-info "$subvolume"
umount "$SCRATCH_MNT"
item "1:$id:$ROOT_BACKREF:5" --set "0:$(le64 256)"
mount_unlocked
verify_offline

echo "--- ROOT_BACKREF names a tree that is no subvolume"
ref=$(item "1:$id:$ROOT_BACKREF:5" --show)
item "1:$id:$ROOT_BACKREF:5" --delete
item "1:$id:$ROOT_BACKREF:$EXTENT_TREE" --insert "$ref"
expect_check_complaint "errors found in root refs|ROOT_BACKREF.* couldn't find"
mount_unlocked
expect_error 'Structure needs cleaning' names subvol-info "$subvolume"
expect_message "root $EXTENT_TREE has names in it but is no subvolume"
