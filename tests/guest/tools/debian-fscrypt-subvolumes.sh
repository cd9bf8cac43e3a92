#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian's fscrypt and subvolumes: of all mounts of a filesystem it uses the one that
# shows what the others show too, with what is mounted below that.  It refuses to
# work in others, or if there is no such mount.
. harness.sh
. encryption.sh

# encrypt DIRECTORY: with the raw key
encrypt() {
	fscrypt encrypt "$1" --quiet --source=raw_key --name="${1##*/}" --key="$OUT/raw.key"
}

rm -rf /.fscrypt /etc/fscrypt.conf
fscrypt setup --quiet --force --time=1ms
new_btrfs
head -c 32 /dev/urandom >"$OUT/raw.key"
btrfs subvolume create "$SCRATCH_MNT/@"
btrfs subvolume create "$SCRATCH_MNT/@home"
umount "$SCRATCH_MNT"

echo "--- one below the other, as / and /home"
mount -o subvol=@ "$SCRATCH_DEV" "$SCRATCH_MNT"
mkdir "$SCRATCH_MNT/home"
mount -o subvol=@home "$SCRATCH_DEV" "$SCRATCH_MNT/home"
fscrypt setup --quiet --force "$SCRATCH_MNT"
mkdir "$SCRATCH_MNT/home/user"
encrypt "$SCRATCH_MNT/home/user"
echo contents >"$SCRATCH_MNT/home/user/file"
[ -n "$(ls "$SCRATCH_MNT/.fscrypt/policies")" ] || fail "the metadata is somewhere else"
fscrypt lock "$SCRATCH_MNT/home/user"
[ ! -e "$SCRATCH_MNT/home/user/file" ] || fail "a name can be read"
fscrypt unlock "$SCRATCH_MNT/home/user" --quiet --key="$OUT/raw.key"
[ "$(<"$SCRATCH_MNT/home/user/file")" = contents ] || fail "other contents"

echo "--- an encrypted subvolume and its snapshot have one policy, which is one key"
btrfs subvolume create "$SCRATCH_MNT/home/subvolume"
encrypt "$SCRATCH_MNT/home/subvolume"
echo contents >"$SCRATCH_MNT/home/subvolume/file"
btrfs subvolume snapshot "$SCRATCH_MNT/home/subvolume" "$SCRATCH_MNT/home/snapshot"
fscrypt lock "$SCRATCH_MNT/home/subvolume"
for directory in subvolume snapshot; do
	fscrypt status "$SCRATCH_MNT/home/$directory" | grep '^Unlocked: No$'
done
fscrypt unlock "$SCRATCH_MNT/home/snapshot" --quiet --key="$OUT/raw.key"
for directory in subvolume snapshot; do
	[ "$(<"$SCRATCH_MNT/home/$directory/file")" = contents ] || fail "other contents"
done
umount "$SCRATCH_MNT/home" "$SCRATCH_MNT"

echo "--- side by side"
mount -o subvol=@ "$SCRATCH_DEV" "$SCRATCH_MNT"
mount -o subvol=@home "$SCRATCH_DEV" "$TEST_DIR"
for directory in "$SCRATCH_MNT" "$TEST_DIR"; do
	expect_error 'is not a mountpoint' fscrypt setup --quiet --force "$directory"
done
expect_error 'does not contain the policy metadata' \
	fscrypt unlock "$TEST_DIR/user" --quiet --key="$OUT/raw.key"

echo "--- with the whole filesystem mounted too"
mkdir top
mount "$SCRATCH_DEV" top
fscrypt setup --quiet --force top
directory=top/@home/other
mkdir $directory
encrypt $directory
echo contents >$directory/file
fscrypt lock $directory
[ ! -e "$TEST_DIR/other/file" ] || fail "a name can be read"
fscrypt unlock $directory --quiet --key="$OUT/raw.key"
[ "$(<"$TEST_DIR/other/file")" = contents ] || fail "other contents"
