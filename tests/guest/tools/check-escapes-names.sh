#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs check, in both modes, and dump-tree escape encrypted names.
# vm: uml
. harness.sh
. bad-image.sh

INODE_REF_NAME_AT=10

# expect_escaped COMMAND...: that it prints no byte of a name as it is
expect_escaped() {
	"$@" >said 2>&1 || true
	cat said
	expect_printable said
}

start_image
mount_with_key
touch "$encrypted"/{1..20} "$encrypted/$(printf 'n%.0s' {1..255})"
directory=$(stat -c %i "$encrypted")
inodes=$(stat -c %i "$encrypted"/*)
umount "$SCRATCH_MNT"
expect_escaped btrfs inspect-internal dump-tree "$SCRATCH_DEV" >/dev/null
for inode in $inodes; do
	offline corrupt-item --item "$tree:$inode:$INODE_REF:$directory" \
		--set $INODE_REF_NAME_AT:01 "$SCRATCH_DEV"
done
for mode in original lowmem; do
	expect_escaped btrfs check --readonly --mode=$mode "$SCRATCH_DEV"
	grep 'name \\001' said || fail "check found nothing"
done
