#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A system of subvolumes is rolled back, as snapper does it: read-only snapshots, a
# writable one of them as the default subvolume, and the old ones deleted.
# vm: uml
# long: yes
. harness.sh
. encryption.sh

new_btrfs
make_key main
main=$(add_key main)
root=$SCRATCH_MNT/root
btrfs -q subvolume create "$root"
mkdir "$root/secret" "$SCRATCH_MNT/snapshots"
set_policy "$root/secret" "$main" -v 2
for state in 1 2 3; do
	twin-io.py $state 100 "$root/secret" "$root"
	echo $state >"$root/secret/state"
	manifest "$root/secret" >"$OUT/state.$state"
	btrfs -q subvolume snapshot -r "$root" "$SCRATCH_MNT/snapshots/$state"
done

for state in 2 1 3; do
	echo "--- back to $state"
	btrfs -q subvolume snapshot "$SCRATCH_MNT/snapshots/$state" "$SCRATCH_MNT/new"
	mv "$SCRATCH_MNT/root" "$SCRATCH_MNT/old"
	mv "$SCRATCH_MNT/new" "$SCRATCH_MNT/root"
	btrfs subvolume set-default "$root"
	remount
	[ -d "$SCRATCH_MNT/secret" ] || fail "the default is another subvolume"
	[ "$(<"$SCRATCH_MNT/secret/state")" = $state ] || fail "another state"
	manifest "$SCRATCH_MNT/secret" | diff "$OUT/state.$state" - || fail "other files"
	echo changed >>"$SCRATCH_MNT/secret/state"
	umount "$SCRATCH_MNT"
	mount -o "$mount_options,subvolid=5" "${devices[0]}" "$SCRATCH_MNT"
	add_key main
	btrfs -q subvolume delete --commit-after "$SCRATCH_MNT/old"
	btrfs subvolume sync "$SCRATCH_MNT"
	btrfs -q balance start --full-balance "$SCRATCH_MNT"
done
for state in 1 2 3; do
	manifest "$SCRATCH_MNT/snapshots/$state/secret" | diff "$OUT/state.$state" - ||
		fail "the snapshot has other files"
done
btrfs subvolume set-default 5 "$SCRATCH_MNT"
verify_offline
