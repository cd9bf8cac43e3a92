#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The descriptor in a v1 policy is an arbitrary name.  Two directories can have
# equal policies and keys of different bytes; their files share no extents, as one
# would read garbage.  Which keyring a key is in makes no difference.
. harness.sh
. encryption.sh

descriptor=0123456789abcdef
size=65536

# with_key NAME COMMAND...: run it with that key, and no other, in the session
# keyring
with_key() {
	# shellcheck disable=SC2016 # the inner shell expands it
	logon_payload "$1" | keyctl session - bash -c '
		keyctl padd logon "fscrypt:$1" @s >/dev/null
		exec "${@:2}"' with_key $descriptor "${@:2}" 2>/dev/null
}

# new_directory NAME: with the policy that all have here
new_directory() {
	mkdir "$SCRATCH_MNT/$1"
	set_policy "$SCRATCH_MNT/$1" $descriptor -v 1
}

# shared SOURCE TARGET, not_shared SOURCE TARGET: fail unless the target can [not]
# have the source's extents.  Both files have the same data.
shared() {
	xfs_io -c "reflink $SCRATCH_MNT/$1 0 0 $size" "$SCRATCH_MNT/$2" | grep ^linked
	xfs_io -c "dedupe $SCRATCH_MNT/$1 0 0 $size" "$SCRATCH_MNT/$2" | grep ^deduped
	cmp data "$SCRATCH_MNT/$2"
	echo "$1 and $2 can share extents"
}
not_shared() {
	xfs_io_fails 'Invalid argument' -c "reflink $SCRATCH_MNT/$1 0 0 $size" "$SCRATCH_MNT/$2"
	xfs_io_fails 'Invalid argument' -c "dedupe $SCRATCH_MNT/$1 0 0 $size" "$SCRATCH_MNT/$2"
	cmp data "$SCRATCH_MNT/$2"
	echo "$1 and $2 can't share extents"
}

new_btrfs
make_key one
make_key two
head -c $size /dev/urandom >data
for name in session-one session-one-too session-two; do
	new_directory $name
done

echo "--- keys in session keyrings"
with_key one cp data "$SCRATCH_MNT/session-one/file"
with_key one cp data "$SCRATCH_MNT/session-one-too/file"
with_key two cp data "$SCRATCH_MNT/session-two/file"
# Their keys are gone, so they must stay in memory.
exec 5<"$SCRATCH_MNT/session-one/file" 6<"$SCRATCH_MNT/session-two/file"
not_shared session-one/file session-two/file
not_shared session-two/file session-one/file
shared session-one/file session-one-too/file

echo "--- one in the filesystem's keyring"
xfs_io -c "add_enckey -d $descriptor" "$SCRATCH_MNT" <"$OUT/one.key"
new_directory filesystem-one
cp data "$SCRATCH_MNT/filesystem-one/file"
shared session-one/file filesystem-one/file
not_shared session-two/file filesystem-one/file

echo "--- replaced there by the other while a file is open"
exec 7<"$SCRATCH_MNT/filesystem-one/file"
xfs_io -c "rm_enckey $descriptor" "$SCRATCH_MNT"
key_status $descriptor 'Incompletely removed'
xfs_io -c "add_enckey -d $descriptor" "$SCRATCH_MNT" <"$OUT/two.key"
new_directory filesystem-two
cp data "$SCRATCH_MNT/filesystem-two/file"
not_shared filesystem-one/file filesystem-two/file
shared session-two/file filesystem-two/file
exec 5<&- 6<&- 7<&-
umount "$SCRATCH_MNT"
check_metadata

echo "--- each with its own key after a remount"
mount_btrfs
for directory in session-one session-one-too filesystem-one; do
	with_key one cmp data "$SCRATCH_MNT/$directory/file"
done
for directory in session-two filesystem-two; do
	with_key two cmp data "$SCRATCH_MNT/$directory/file"
done
