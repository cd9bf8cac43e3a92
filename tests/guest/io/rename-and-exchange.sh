#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Renaming, exchanging, linking and O_TMPFILE within one policy.
. harness.sh
. encryption.sh

exchange() {
	exchange.py "$@"
}

start_encrypted
for directory in "$encrypted" "$plain"; do
	(
		cd "$directory"
		mkdir a b
		echo 1 >a/one
		echo 2 >b/two
		ln a/one b/one-too
		mv a/one a/renamed
		mv b/two a/moved
		exchange a/renamed a/moved
		ln -s a/moved link
		mv link b/link
		mv b a/b
		exchange a/b/link a/renamed
		echo 3 >replaced
		echo 4 >replacing
		mv replacing replaced
		xfs_io -T -c 'pwrite -q -S 0x35 0 5000' -c 'flink from-tmpfile' .
	)
done
for when in "from the cache" "after a remount"; do
	same_trees "$encrypted" "$plain" "$when"
	[ "$(readlink "$encrypted/a/renamed")" = a/moved ] || fail "the link is lost $when"
	remount
done
find "$encrypted"
verify_offline
