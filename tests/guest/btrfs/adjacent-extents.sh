#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Extents that happen to be adjacent on disk and in the file are read apart: each
# has a nonce of its own.
. harness.sh
. encryption.sh

start_encrypted
commands=()
for ((i = 0; i < 32; i++)); do
	commands+=(-c "pwrite -q -S $((i + 1)) $((i * 64))k 64k" -c fsync)
done
in_both xfs_io -f "${commands[@]}" file
# What is adjacent is one extent here.
filefrag "$encrypted/file" | grep ': 1 extent found$' || fail "the extents are not adjacent"
for block in 1M 4k; do
	for flag in noatime direct; do
		for directory in "$encrypted" "$plain"; do
			drop_caches
			dd if="$directory/file" of="${directory##*/}" bs="$block" iflag="$flag" status=none
		done
		cmp encrypted plain
		echo "alike in blocks of $block, $flag"
	done
done
in_both xfs_io -c 'fpunch 100k 100k' -c 'pwrite -q -S 77 130k 20k' -c fsync -c 'pwrite -q -S 78 1m 4k' \
	-c fsync -c 'pwrite -q -S 79 1052672 4k' -c fsync file
same_in_both
verify_offline
at_least 32 "encrypted extents"
