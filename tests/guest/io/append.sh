#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Appending in small pieces, synced and not, rewrites the last block in new
# extents each time.
. harness.sh
. encryption.sh

start_encrypted
commands=()
for ((i = 0, size = 0; i < 120; i++, size += 577)); do
	commands+=(-c "pwrite -q -S $((i + 1)) $size 577")
	[ $((i % 7)) != 0 ] || commands+=(-c fsync)
done
in_both xfs_io -f "${commands[@]}" appended
append_lines() {
	for ((i = 1; i <= 50; i++)); do
		echo "$i of the lines" >>lines
	done
}
in_both append_lines
same_in_both
[ "$(stat -c %s "$encrypted/appended")" = $((120 * 577)) ] || fail "wrong size"
[ "$(tail -n 1 "$encrypted/lines")" = "50 of the lines" ] || fail "wrong last line"
verify_offline
