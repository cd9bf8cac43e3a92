#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A name in an encrypted directory that isn't said to be encrypted: the kernel goes by the
# directory, other programs by the name's flag, so btrfs check complains.
# vm: uml
. harness.sh
. bad-image.sh

start_image
mount_with_key
directory=$(stat -c %i "$encrypted")
umount "$SCRATCH_MNT"
offline corrupt-item --item "$tree:$directory:$DIR_INDEX:2" --set $DIR_ITEM_TYPE_AT:01 "$SCRATCH_DEV"
expect_check_complaint 'plain name in encrypted directory|is encrypted but has a plain name'
mount_with_key
ls "$encrypted"
cmp good "$encrypted/good"
expect_rest_readable
