#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What authentication doesn't find, as README says: an older state of a place in any snapshot, what
# the file had in its window of an extent, holes in place of data, and sizes.
# vm: uml
. harness.sh
. tampering.sh

new_btrfs
subvolume=$SCRATCH_MNT/subvolume
encrypted=$subvolume/encrypted
plain=$subvolume/plain
btrfs -q subvolume create "$subvolume"
make_directories
head -c 32k /dev/urandom | tee old >"$encrypted/file"
cp old "$encrypted/other"
head -c 32k /dev/urandom | tee third >"$encrypted/third"
sync
btrfs -q subvolume snapshot "$subvolume" "$SCRATCH_MNT/snapshot"
head -c 32k /dev/urandom | tee new | dd of="$encrypted/file" conv=notrunc status=none
dd if=new of="$encrypted/other" bs=4k count=2 conv=notrunc status=none
sync
file=$(stat -c %i "$encrypted/file")
other=$(stat -c %i "$encrypted/other")
third=$(stat -c %i "$encrypted/third")
live=$(btrfs inspect-internal rootid "$subvolume")
snapshot=$(btrfs inspect-internal rootid "$SCRATCH_MNT/snapshot")
umount "$SCRATCH_MNT"

# The item of the snapshot is as good as the file's own: both are of one inode.
tree=$snapshot
older=$(body "$file")
tree=$live
item "$file" $EXTENT_DATA 0 --set "0:$older"
# What was overwritten is within the window.
rest=$(body "$other" 8192)
item "$other" $EXTENT_DATA 0 --delete
item "$other" $EXTENT_DATA 8192 --delete
tree=$snapshot
whole=$(body "$other")
tree=$live
item "$other" $EXTENT_DATA 0 --insert "$whole"
[ "$rest" != "$whole" ] || fail "nothing was overwritten"
# A hole, and another size
item "$third" $EXTENT_DATA 0 --delete
item "$third" $INODE_ITEM 0 --set $INODE_SIZE_AT:0010000000000000

mount -o ro "$SCRATCH_DEV" "$SCRATCH_MNT"
add_key main >/dev/null
cmp "$encrypted/file" old || fail "the older state was found out: see README"
cmp "$encrypted/other" old || fail "what was overwritten was found out: see README"
head -c 4096 /dev/zero | cmp - "$encrypted/third" || fail "a hole or a size was found out: see README"
