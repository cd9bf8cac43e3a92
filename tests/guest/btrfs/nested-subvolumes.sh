#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A subvolume created in an encrypted directory has its policy.  Without the key
# it can be seen and deleted; what has another policy can't be snapshotted into
# the directory.
. harness.sh
. encryption.sh

start_encrypted
make_key other
other=$(add_key other)
btrfs subvolume create "$encrypted/nested"
btrfs subvolume create "$encrypted/nested/deeper"
echo contents >"$encrypted/nested/deeper/file"
policy=$(xfs_io -r -c get_encpolicy "$encrypted/nested/deeper")
echo "$policy"
[[ $policy == *"$main"* ]] || fail "the subvolume has another policy"

echo "--- snapshots"
btrfs subvolume snapshot "$encrypted/nested/deeper" "$encrypted/snapshot"
[ "$(<"$encrypted/snapshot/file")" = contents ] || fail "the snapshot has other contents"
btrfs subvolume create "$plain/subvolume"
btrfs subvolume create "$SCRATCH_MNT/other"
set_policy "$SCRATCH_MNT/other" "$other" -v 2
expect_error 'Invalid cross-device link' \
	btrfs subvolume snapshot "$plain/subvolume" "$encrypted/from-plain"
expect_error 'Invalid cross-device link' \
	btrfs subvolume snapshot "$SCRATCH_MNT/other" "$encrypted/from-other"
btrfs subvolume snapshot "$encrypted/nested/deeper" "$plain/snapshot"
[ "$(<"$plain/snapshot/file")" = contents ] || fail "the snapshot outside has other contents"
# In a snapshot of the outer subvolume, empty directories stand for the inner.
btrfs subvolume snapshot "$encrypted/nested" "$SCRATCH_MNT/outer"
[ -z "$(ls -A "$SCRATCH_MNT/outer/deeper")" ] || fail "the placeholder isn't empty"

echo "--- names that the kernel finds by itself"
id=$(btrfs inspect-internal rootid "$encrypted/nested/deeper")
[ "$(names.py subvol-info "$encrypted/nested/deeper")" = deeper ] ||
	fail "GET_SUBVOL_INFO has another name"
path=$(btrfs inspect-internal inode-resolve "$(stat -c %i "$encrypted/nested/deeper/file")" \
	"$encrypted/nested/deeper")
[ "$path" = "$encrypted/nested/deeper/file" ] || fail "the file's path is $path"
mount -o "subvolid=$id" "$SCRATCH_DEV" "$TEST_DIR"
grep "$TEST_DIR" /proc/self/mountinfo
[ "$(findmnt -no FSROOT "$TEST_DIR")" = /encrypted/nested/deeper ] || fail "wrong path of the mount"
[ "$(<"$TEST_DIR/file")" = contents ] || fail "mounted by its id, it has other contents"
umount "$TEST_DIR"

echo "--- locked"
snapshot=$(btrfs inspect-internal rootid "$encrypted/snapshot")
remove_key "$main"
ls -lR "$encrypted"
[ "$(find "$encrypted" | wc -l)" = 6 ] || fail "not everything is listed"
btrfs subvolume delete -i "$snapshot" "$SCRATCH_MNT"
[ "$(find "$encrypted" | wc -l)" = 4 ] || fail "the subvolume wasn't deleted"
ls -lR "$encrypted"
add_key main
[ "$(ls "$encrypted")" = nested ] || fail "the wrong subvolume was deleted"
[ "$(<"$encrypted/nested/deeper/file")" = contents ] || fail "other contents"

echo "--- deleted by no-key names"
remove_key "$main"
deeper=$(find "$encrypted" -mindepth 2 -maxdepth 2)
btrfs subvolume delete "$deeper"
rmdir "${deeper%/*}"
[ -z "$(ls -A "$encrypted")" ] || fail "something is left"
add_key main
verify_offline --key "$OUT/other.key"
