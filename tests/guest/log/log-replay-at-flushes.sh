#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The power could be cut after any flush: each time the log can be replayed without
# the key, and with it what was synced by then is right.  Some flushes are tried.
# variant: log-replay-every-flush long=yes timeout=900 STEP=1
# variant: log-replay-at-flushes-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. log-writes.sh

# sync_file NAME: and note that it must be there from now on
sync_file() {
	xfs_io -c fsync "$1"
	mkdir -p "$OUT/synced"
	cp "$1" "$OUT/synced/"
	dmsetup message logged 0 mark "$1"
}

write_files() {
	seq 30000 >buffered
	sync_file buffered
	cp --reflink=always buffered cloned
	sync_file cloned
	fallocate -l 512k allocated
	dd if=buffered of=allocated bs=4k seek=10 count=20 conv=notrunc status=none
	sync_file allocated
	seq 30000 >overwritten
	sync_file overwritten
	dd if=/dev/urandom of=overwritten oflag=direct bs=4k seek=5 count=3 conv=notrunc status=none
	cp overwritten renamed
	sync_file renamed
	touch compressed
	chattr +c compressed
	seq 30000 >compressed
	sync_file compressed
	for i in 1 2 3 4; do
		seq $i | dd of=adjacent bs=4k seek=$i conv=sync,notrunc status=none
		xfs_io -c fsync adjacent
	done
	sync_file adjacent
}

start_log
mount_options+=,nodiscard,commit=3600
start_encrypted
(cd "$encrypted" && write_files)
end_log
[ "$flushes" -ge 10 ] || fail "only $flushes flushes"
replayed=0
# Early ones come before there is a directory.
step=${STEP:-$((flushes / 8))}
for ((flush = flushes; flush >= 1; flush -= step)); do
	cut_after $flush
	[ -s marks ] || break
	mount_btrfs
	find "$encrypted" -type f | while read -r file; do
		expect_error 'Required key not available' cat "$file"
	done
	add_key main >/dev/null
	while read -r name; do
		# It is overwritten without being synced.
		[ "$name" = overwritten ] || cmp "$OUT/synced/$name" "$encrypted/$name"
	done <marks
	umount "$SCRATCH_MNT"
	offline btrfs check --readonly "$SCRATCH_DEV" >problems 2>&1 || fail "flush $flush: $(<problems)"
	echo "flush $flush of $flushes: $(wc -l <marks) synced files are right"
	replayed=$((replayed + 1))
done
[ $replayed -ge 4 ] || fail "only $replayed flushes after the first fsync"
