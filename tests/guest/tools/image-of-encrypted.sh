#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs-image copies the metadata of a filesystem with encryption: btrfs check finds
# nothing wrong in the copy, which has no contents of inline extents.
# vm: uml
. harness.sh
. encryption.sh

copy=${SCRATCH_DEV_POOL%% *}
start_encrypted
ln -s target "$encrypted/link"
mkdir "$encrypted/directory"
head -c 1M /dev/urandom >"$encrypted/directory/file"
btrfs subvolume create "$encrypted/subvolume"
umount "$SCRATCH_MNT"
btrfs-image "$SCRATCH_DEV" image
btrfs-image -r image "$copy"
for mode in original lowmem; do
	offline btrfs check --readonly --mode=$mode "$copy"
done
wipefs -aq "$copy"
