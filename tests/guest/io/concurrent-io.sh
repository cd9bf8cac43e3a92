#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Several processes read and write, while the filesystem is synced, balanced,
# defragmented and snapshotted underneath, and caches are dropped.
# variant: concurrent-io-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

start_encrypted
pids=()
for seed in 11 12 13; do
	twin-io.py "$seed" 200 "$encrypted" "$plain" &
	pids+=($!)
done
rounds=0
while kill -0 "${pids[@]}" 2>/dev/null; do
	btrfs subvolume snapshot -r "$SCRATCH_MNT" "$SCRATCH_MNT/snapshot"
	btrfs -q balance start --full-balance "$SCRATCH_MNT"
	btrfs filesystem defragment -r -f "$encrypted"
	btrfs subvolume delete "$SCRATCH_MNT/snapshot"
	echo 3 >/proc/sys/vm/drop_caches
	rounds=$((rounds + 1))
done
echo "$rounds rounds"
for pid in "${pids[@]}"; do
	wait "$pid"
done
same_in_both
verify_offline
