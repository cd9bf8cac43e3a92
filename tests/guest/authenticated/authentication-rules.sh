#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Which policies can have authentication, who can have the first one, and what an authenticated
# file can't have.
# vm: uml
. harness.sh
. encryption.sh
. items.sh

# incompat BIT-NAME: whether the superblock on the disk has it
incompat() {
	sync
	btrfs inspect-internal dump-super "$SCRATCH_DEV" | grep -w "$1"
}

start_encrypted
mkdir "$SCRATCH_MNT"/{new,other,nocow}
mkdir -m 777 "$SCRATCH_MNT/users"
as fsgqa mkdir "$SCRATCH_MNT/users/one"
echo "--- policies"
for flags in 0x84 0x88 0x90; do
	expect_error 'Invalid argument' set_policy "$SCRATCH_MNT/new" "$main" -v 2 "${modes[Adiantum]}" -f $flags
done
expect_error 'Invalid argument' xfs_io -c 'set_encpolicy -v 1 -f 0x82 0123456789abcdef' "$SCRATCH_MNT/new"
! incompat EXTENT_FSCRYPT_AUTH || fail "the bit is set without such a policy"

echo "--- the first one"
as fsgqa xfs_io -c add_enckey "$SCRATCH_MNT" <"$OUT/main.key"
expect_error 'Operation not supported' \
	as fsgqa xfs_io -c "set_encpolicy -v 2 -f 0x82 $main" "$SCRATCH_MNT/users/one"
dmesg | grep 'authentication is not enabled: as root, '
! incompat EXTENT_FSCRYPT_AUTH || fail "the bit was set by a user"
set_policy "$SCRATCH_MNT/new" "$main" -v 2 -f 0x82
incompat EXTENT_FSCRYPT_AUTH
[ "$(</sys/fs/btrfs/"$(findmnt -no UUID "$SCRATCH_MNT")"/features/extent_fscrypt_auth)" = 1 ]
as fsgqa xfs_io -c "set_encpolicy -v 2 -f 0x82 $main" "$SCRATCH_MNT/users/one"
set_policy "$SCRATCH_MNT/nocow" "$main" -v 2 -f 0x80

echo "--- overwriting in place"
touch "$SCRATCH_MNT/new/empty"
expect_error 'Operation not supported' chattr +C "$SCRATCH_MNT/new/empty"
chattr +C "$SCRATCH_MNT/nocow"
touch "$SCRATCH_MNT/nocow/file"
umount "$SCRATCH_MNT"
mount_options=noatime,nodatacow
mount_btrfs
add_key main
touch "$SCRATCH_MNT/new/file"
lsattr "$SCRATCH_MNT"/{new,nocow}/file | tee flags
! grep '^[^ ]*C' flags || fail "there are files that would be overwritten in place"
# BTRFS_INODE_NODATASUM
for name in new nocow; do
	sync
	flags=$(offline corrupt-item --item "5:$(stat -c %i "$SCRATCH_MNT/$name/file"):$INODE_ITEM:0" --show "$SCRATCH_DEV" |
		tail -n 1 | cut -c $((2 * INODE_FLAGS_AT + 1))-$((2 * INODE_FLAGS_AT + 2)))
	[ $((16#$flags & 1)) = 0 ] || fail "there are files without checksums"
done
for name in new nocow; do
	for _ in 1 2; do
		xfs_io -c 'pwrite 0 4k' -c fsync "$SCRATCH_MNT/$name/file" >/dev/null
		filefrag -v "$SCRATCH_MNT/$name/file" | awk '$1 == "0:" { print $4 }'
	done | uniq | tee addresses
	[ "$(wc -l <addresses)" = 2 ] || fail "data was overwritten in place"
done
umount "$SCRATCH_MNT"

echo "--- clones"
mount_options=noatime
mount_btrfs
add_key main
set_policy "$SCRATCH_MNT/other" "$main" -v 2 -f 0x02
seq 10000 >"$SCRATCH_MNT/new/source"
seq 10000 >"$SCRATCH_MNT/other/source"
for pair in 'new other' 'other new'; do
	read -r from to <<<"$pair"
	expect_error 'Invalid argument' cp --reflink=always "$SCRATCH_MNT/$from/source" "$SCRATCH_MNT/$to/clone"
done
verify_offline

echo "--- what would destroy tags"
expect_error 'would destroy the tags' btrfs check --force --init-csum-tree "$SCRATCH_DEV"

echo "--- the way back"
mount_btrfs
rm -rf "${SCRATCH_MNT:?}"/*
btrfs subvolume sync "$SCRATCH_MNT"
umount "$SCRATCH_MNT"
btrfstune --remove-extent-fscrypt "$SCRATCH_DEV"
! incompat 'EXTENT_FSCRYPT\(_AUTH\)\?' || fail "a bit is left"

echo "--- mkfs and a mount option"
mkfs.btrfs -qf -O extent-fscrypt-auth "$SCRATCH_DEV"
incompat EXTENT_FSCRYPT
mount -o test_dummy_encryption=v2-authenticated "$SCRATCH_DEV" "$SCRATCH_MNT"
grep -w test_dummy_encryption=v2-authenticated /proc/mounts
seq 10000 >"$SCRATCH_MNT/file"
mkdir "$SCRATCH_MNT/directory"
xfs_io -r -c get_encpolicy "$SCRATCH_MNT/directory" | grep 'Flags: 0x80'
umount "$SCRATCH_MNT"
btrfs inspect-internal dump-tree -t csum "$SCRATCH_DEV" | grep EXTENT_TAG
