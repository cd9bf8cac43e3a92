#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A filesystem from which all that was encrypted is gone is given back to the unpatched
# kernel and btrfs-progs.  Before, what is in the way is named, and nothing changes.
# kernel: normal
. harness.sh
. encryption.sh

copy=${SCRATCH_DEV_POOL%% *}

# copy_disk: the disk as it is, while it is mounted
copy_disk() {
	dd if="$SCRATCH_DEV" of="$copy" iflag=direct oflag=direct bs=1M status=none
}

# expect_refused TEXT DEVICE: fail unless the feature stays because of that
expect_refused() {
	local before
	before=$(offline sha256sum "$2")
	expect_error "$1" offline btrfstune --remove-extent-fscrypt "$2"
	[ "$(offline sha256sum "$2")" = "$before" ] || fail "the filesystem has changed"
}

start_encrypted
btrfs subvolume create "$plain/subvolume"
echo readable | tee "$plain/file" >"$plain/subvolume/file"
btrfs subvolume create "$encrypted/subvolume"
mkdir "$encrypted/directory"
head -c 1M /dev/urandom >"$encrypted/subvolume/file"
cp --reflink=always "$encrypted/subvolume/file" "$encrypted/directory/file"
btrfs subvolume snapshot "$encrypted/subvolume" "$SCRATCH_MNT/snapshot"
snapshot=$(btrfs inspect-internal rootid "$SCRATCH_MNT/snapshot")
encrypted_inode=$(stat -c %i "$encrypted")

echo "--- encrypted directories"
sync
copy_disk
expect_refused "inode $encrypted_inode of subvolume 5 is encrypted" "$copy"

echo "--- a snapshot elsewhere"
btrfs subvolume delete -c "$encrypted/subvolume"
rm -r "$encrypted"
btrfs subvolume sync "$SCRATCH_MNT"
btrfs filesystem sync "$SCRATCH_MNT"
copy_disk
expect_refused "inode 256 of subvolume $snapshot is encrypted" "$copy"

echo "--- a subvolume that isn't completely deleted"
exec 5<"$SCRATCH_MNT/snapshot/file"
btrfs subvolume delete -c "$SCRATCH_MNT/snapshot"
copy_disk
expect_refused "subvolume $snapshot is not completely deleted" "$copy"
exec 5<&-
btrfs subvolume sync "$SCRATCH_MNT"

echo "--- a file that is deleted but open"
mkdir "$encrypted"
set_policy "$encrypted" "$main" -v 2
echo contents >"$encrypted/open"
# The file keeps its directory.
inode=$(stat -c %i "$encrypted")
exec 5<"$encrypted/open"
rm -r "$encrypted"
btrfs filesystem sync "$SCRATCH_MNT"
copy_disk
expect_refused "inode $inode of subvolume 5 is encrypted" "$copy"
exec 5<&-

echo "--- a log"
btrfs filesystem sync "$SCRATCH_MNT"
xfs_io -c fsync -c 'pwrite -q 0 4k' -c fsync "$plain/file"
copy_disk
expect_refused "has a log" "$copy"
umount "$SCRATCH_MNT"

echo "--- nothing is left"
offline btrfstune --remove-extent-fscrypt "$SCRATCH_DEV"
expect_refused "doesn't have the extent-fscrypt feature" "$SCRATCH_DEV"
wipefs -aq "$copy"
offline /usr/bin/btrfs check --readonly "$SCRATCH_DEV"
rmmod btrfs
insmod "$UNPATCHED_BTRFS"
mount_btrfs
[ "$(head -n 1 "$plain/subvolume/file")" = readable ] || fail "other contents"
echo written >"$SCRATCH_MNT/new"
btrfs scrub start -B "$SCRATCH_MNT"
umount "$SCRATCH_MNT"
