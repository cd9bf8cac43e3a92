#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An encrypted file that is open and has no name isn't sent, and stays; so does one that a power
# cut has left, on a read-only mount.
# vm: uml
. harness.sh
. encryption.sh

# Small, as it is copied
start_encrypted -b 256M
source=$encrypted/source
btrfs subvolume create "$source"
echo contents >"$source/named"
echo contents >"$source/unlinked"
inode=$(stat -c %i "$source/unlinked")
tree=$(btrfs inspect-internal rootid "$source")

# send_source: send it, and fail unless that is the only file
send_source() {
	btrfs send -q -f stream "$source"
	[ "$(btrfs receive --dump -f stream | grep -c ^write)" = 1 ] || fail "it was sent"
}

echo "--- open"
exec 5<"$source/unlinked"
rm "$source/unlinked"
btrfs property set "$source" ro true
send_source
[ "$(cat <&5)" = contents ] || fail "it is gone"

echo "--- left by a power cut"
sync
dd if="$SCRATCH_DEV" of=cut bs=1M count=256 iflag=direct status=none
exec 5<&-
umount "$SCRATCH_MNT"
dd if=cut of="$SCRATCH_DEV" bs=1M oflag=direct status=none
offline corrupt-item --item "$tree:$inode:1:0" --show "$SCRATCH_DEV"
mount_options=noatime,ro mount_btrfs
add_key main
send_source
umount "$SCRATCH_MNT"
dd if="$SCRATCH_DEV" bs=1M count=256 iflag=direct status=none | cmp - cut
mount_btrfs
add_key main
send_source
verify_offline
