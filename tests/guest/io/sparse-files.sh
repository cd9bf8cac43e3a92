#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Holes stay holes and read as zeroes, wherever data is around them; also those
# beyond 4 GiB, where a number of 32 bits would not do.
. harness.sh
. encryption.sh

start_encrypted
in_both xfs_io -f -c 'pwrite -q -S 1 5 100' -c 'pwrite -q -S 2 1m 4k' -c 'pwrite -q -S 3 1100001 7000' \
	-c 'truncate 3m' -c fsync -c 'pwrite -q -S 4 2m 1' -c 'truncate 3000001' holes
in_both truncate -s 1m only-a-hole
in_both xfs_io -f -c 'pwrite -q -S 5 4294963200 8192' -c 'pwrite -q -S 6 20g 5000' \
	-c 'pwrite -q -S 7 1t 3' large

# Where data and holes are, and what is there.
show() {
	local path at
	for path in holes only-a-hole; do
		xfs_io -r -c 'seek -a -r 0' "$path"
		od -A d -t x1 "$path"
	done
	xfs_io -r -c 'seek -a -r 0' large
	for at in 0 4294959104 21474832384 1099511623680; do
		od -A d -t x1 -j $at -N 16384 large
	done
}
compare() {
	(cd "$encrypted" && show) >encrypted.dump
	(cd "$plain" && show) >plain.dump
	diff encrypted.dump plain.dump || fail "different $1"
	echo "$(wc -l <plain.dump) lines are alike $1"
}
compare "from the cache"
drop_caches
compare "after dropping the caches"
remount
compare "after a remount"
cat encrypted.dump
# Nobody wants to wait for a sum of a file of 1 TiB, so let the oracle see its
# extents in another one.
xfs_io -f -c "reflink $encrypted/large 4294963200 0 8192" \
	-c "reflink $encrypted/large 21474836480 8192 4096" "$encrypted/pieces"
rm "$encrypted/large" "$plain/large"
verify_offline
