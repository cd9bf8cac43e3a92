#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The end of the largest file is found, plain or encrypted, although its last extent ends
# where no position can be.
. harness.sh
. encryption.sh

last_block=9223372036854771712
size=9223372036854775807

start_encrypted
for directory in "$plain" "$encrypted"; do
	xfs_io -f -c "pwrite -q $last_block 4095" -c fsync "$directory/file"
	[ "$(stat -c %s "$directory/file")" = $size ]
	found=$(xfs_io -c "seek -h $last_block" "$directory/file")
	[ "$found" = $'Whence\tResult\nHOLE\t'$size ] || fail "a hole at: $found"
	found=$(xfs_io -c "seek -d 4096" "$directory/file")
	[ "$found" = $'Whence\tResult\nDATA\t'$last_block ] || fail "data at: $found"
done
remount
for directory in "$plain" "$encrypted"; do
	[ "$(tail -c 4095 "$directory/file" | tr -d '\315' | wc -c)" = 0 ]
done
