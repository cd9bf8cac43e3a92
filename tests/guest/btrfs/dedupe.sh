#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Deduplication makes files with one policy share extents if they have the same
# data, and only then.
# variant: dedupe-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

# bytes_used: by the data of the filesystem
bytes_used() {
	sync
	btrfs filesystem df -b "$SCRATCH_MNT" | sed -n 's/^Data.*used=//p'
}

start_encrypted
for name in a b; do
	xfs_io -f -c 'pwrite -q -S 1 0 1m' -c 'pwrite -q -S 2 500000 10000' -c fsync "$encrypted/$name"
done
xfs_io -f -c 'pwrite -q -S 3 0 1m' -c fsync "$encrypted/different"
xfs_io -f -c 'pwrite -q -S 1 0 1m' -c 'pwrite -q -S 2 500000 10000' -c fsync "$plain/c"
before=$(bytes_used)
xfs_io -c "dedupe $encrypted/a 0 0 1m" "$encrypted/b" | tee dedupe
grep -q '^deduped 1048576/1048576' dedupe || fail "not deduplicated"
after=$(bytes_used)
echo "$before bytes before, $after after"
[ "$after" -le $((before - 1000000)) ] || fail "nothing was freed"

xfs_io_fails 'did not match' -c "dedupe $encrypted/a 0 0 1m" "$encrypted/different"
xfs_io_fails 'Invalid argument' -c "dedupe $encrypted/a 0 0 1m" "$plain/c"
xfs_io_fails 'Invalid argument' -c "dedupe $plain/c 0 0 1m" "$encrypted/a"
drop_caches
cmp "$encrypted/a" "$plain/c"
cmp "$encrypted/b" "$plain/c"
[ "$(od -A n -t x1 "$encrypted/different" | head -n 1 | tr -d ' \n')" = 03030303030303030303030303030303 ] ||
	fail "something else in the file that differs"
verify_offline
