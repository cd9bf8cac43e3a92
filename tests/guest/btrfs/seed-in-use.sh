#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A seed with encrypted files is removed while the filesystem is mounted in more places,
# which looks at its devices.
# vm: uml
. harness.sh
. encryption.sh

read -ra pool <<<"$SCRATCH_DEV_POOL"
mount_options=noatime,nodatasum,inlinecrypt

# mount_again: again and again, until the seed has left
mount_again() {
	local at
	at=$(mktemp -d)
	until [ -e left ]; do
		mount -o "$mount_options" "${devices[0]}" "$at"
		echo "$at" >>mounted
		# A device that it has found may be gone when it asks for its statistics.
		btrfs device stats "$at" >/dev/null 2>&1 || true
		umount "$at"
	done
	rmdir "$at"
}

devices=("${pool[0]}")
start_encrypted
head -c 3M /dev/urandom | tee "$plain/file" >"$encrypted/file"
umount "$SCRATCH_MNT"
btrfstune -S 1 "${pool[0]}"
mount_btrfs
btrfs device add -f "${pool[1]}" "$SCRATCH_MNT"
mount -o remount,rw "$SCRATCH_MNT"
umount "$SCRATCH_MNT"

devices=("${pool[1]}" "${pool[0]}")
mount_btrfs
add_key main
same_trees "$encrypted" "$plain" "on the seed"
mounting=()
for i in 1 2 3; do
	mount_again &
	mounting+=($!)
done
until [ -e mounted ] && [ "$(sort -u mounted | wc -l)" = 3 ]; do
	sleep 0.1
done
btrfs device remove "${pool[0]}" "$SCRATCH_MNT"
touch left
for i in "${mounting[@]}"; do
	wait "$i"
done
devices=("${pool[1]}")
same_trees "$encrypted" "$plain" "after that"
drop_caches
same_trees "$encrypted" "$plain" "on the other device"
verify_offline
