#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Memory that is being reclaimed doesn't keep a key from being removed, although btrfs has
# inodes while it frees their extent maps.
. harness.sh
. encryption.sh

rounds=10
files=5
# btrfs sees extent maps only when there are some more than a CPU counts for itself.
extents=100

start_encrypted
for ((offset = 0; offset < extents; offset++)); do
	write+=(-c "pwrite -q $((offset * 8))k 4k")
done
for ((i = 1; i <= files; i++)); do
	xfs_io -f "${write[@]}" "$encrypted/$i"
done
sync
for ((round = 1; round <= rounds; round++)); do
	cat "$encrypted"/* | md5sum
	# What is open stays in memory; its extent maps go.
	open=()
	for file in "$encrypted"/*; do
		exec {fd}<"$file"
		open+=("$fd")
	done
	echo 2 >/proc/sys/vm/drop_caches
	for fd in "${open[@]}"; do
		exec {fd}<&-
	done
	remove_key "$main" >said || fail "round $round: $(<said)"
	add_key main >/dev/null
done >sums
[ "$(sort -u sums | wc -l)" = 1 ] || fail "the contents changed: $(<sums)"
echo "the key was removed completely $rounds times"
