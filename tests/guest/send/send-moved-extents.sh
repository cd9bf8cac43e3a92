#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# While balance moves extents, streams of compressed data stay as they are, plain or encrypted.
# vm: uml
. harness.sh
. encryption.sh

mount_options=noatime,compress-force=zstd
start_encrypted
make_subvolume() {
	btrfs subvolume create subvolume
	for i in 1 2 3 4; do
		head -c 375k /dev/urandom | base64 -w 0 >subvolume/file-$i
	done
	btrfs subvolume snapshot -r subvolume snapshot
}
in_both make_subvolume
sync
for directory in "$plain" "$encrypted"; do
	btrfs send -q --compressed-data -f "${directory##*/}.stream" "$directory/snapshot"
done
while [ ! -e sent-all ]; do
	btrfs -q balance start -d "$SCRATCH_MNT"
	echo
done >balanced &
balance=$!
for i in $(seq 15); do
	for directory in "$plain" "$encrypted"; do
		btrfs send -q --compressed-data -f stream "$directory/snapshot"
		cmp "${directory##*/}.stream" stream || fail "the stream of ${directory##*/} changed"
	done
done
touch sent-all
wait $balance
count=$(wc -l <balanced)
echo "balanced $count times meanwhile"
[ "$count" -ge 2 ] || fail "that is too few"
verify_offline
