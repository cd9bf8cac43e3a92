#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A name that is said to be encrypted, on a filesystem that is not said to have encryption.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

new_btrfs
echo readable >"$SCRATCH_MNT/elsewhere"
btrfs subvolume create "$subvolume" >/dev/null
touch "$subvolume/file"
tree=$(btrfs inspect-internal rootid "$subvolume")
umount "$SCRATCH_MNT"
offline corrupt-item --item "$tree:256:$DIR_INDEX:2" --set $DIR_ITEM_TYPE_AT:81 "$SCRATCH_DEV"
mount_btrfs
expect_unreadable ls "$subvolume"
expect_message "corrupt leaf: .*encrypted name of an xattr or without the EXTENT_FSCRYPT"
expect_rest_readable
expect_check_complaint 'encrypted name in plain directory|not encrypted but has an encrypted name'
