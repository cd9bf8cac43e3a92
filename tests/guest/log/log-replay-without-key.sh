#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# After a power cut the log is replayed without any key: synced data and names
# are there, and the filesystem, which got its first policy only just before, is
# known to have encryption.
. harness.sh
. encryption.sh

# list: what there is, with the data
list() {
	(cd "$encrypted" && find . -type f -exec sha256sum {} + -o -type l -printf '%p -> %l\n' | sort)
}

case $STAGE in
1)
	# One commit before there is a policy, and none after.
	mount_options+=,commit=3600
	start_encrypted
	mkdir "$encrypted/directory" "$encrypted/unused"
	seq 100000 >"$encrypted/directory/file"
	xfs_io -c fsync "$encrypted/directory/file"
	seq 200000 >>"$encrypted/directory/file"
	xfs_io -c fsync "$encrypted/directory/file"
	head -c 1M /dev/urandom >"$encrypted/directory/to be renamed"
	xfs_io -c fsync "$encrypted/directory/to be renamed"
	mv "$encrypted/directory/to be renamed" "$encrypted/directory/$(printf 'long%.0s' {1..60})"
	xfs_io -c fsync "$encrypted/directory/long"*
	ln -s /the/target "$encrypted/symlink"
	xfs_io -T -c 'pwrite -q 0 300k' -c "flink $encrypted/linked" "$encrypted"
	xfs_io -c fsync "$encrypted/linked"
	xfs_io -f -c 'falloc 0 1m' -c 'pwrite -q 4k 64k' -c 'fpunch 16k 8k' -c fsync \
		"$encrypted/allocated"
	xfs_io -c fsync "$encrypted"
	list >"$OUT/before"
	power_cut
	;;
2)
	btrfs inspect-internal dump-super "$SCRATCH_DEV" | grep '^log_root[[:space:]]*[1-9]' ||
		fail "there is no log to replay"
	mount_btrfs
	ls -R "$SCRATCH_MNT"
	btrfs inspect-internal dump-super -f "$SCRATCH_DEV" | grep -w EXTENT_FSCRYPT
	while read -r file; do
		expect_error 'Required key not available' cat "$file"
	done < <(find "$encrypted" -type f)
	make_key main
	add_key main
	list | diff "$OUT/before" - || fail "something was lost"
	cat "$OUT/before"
	verify_offline
	;;
esac
