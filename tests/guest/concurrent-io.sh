#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Several processes read and write, while the filesystem is synced, balanced,
# defragmented and snapshotted underneath, and caches are dropped.
# timeout: 240
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

start_encrypted
pids=()
for seed in 11 12 13; do
	python3 "${0%/*}/twin-io.py" "$seed" 200 "$encrypted" "$plain" &
	pids+=($!)
done
for round in 1 2 3; do
	btrfs -q balance start --full-balance "$SCRATCH_MNT"
	btrfs filesystem defragment -r -f "$encrypted"
	btrfs subvolume snapshot -r "$SCRATCH_MNT" "$SCRATCH_MNT/snapshot-$round"
	echo 3 >/proc/sys/vm/drop_caches
done
for pid in "${pids[@]}"; do
	wait "$pid"
done
same_in_both
btrfs subvolume delete "$SCRATCH_MNT"/snapshot-*
verify_offline
