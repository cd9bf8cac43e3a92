#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# One of two copies of an authenticated file's data is changed such that its checksum stays right.
# Whichever is read, the good one is what a reader gets, and repairs the other.  Scrub, without
# the key, sees nothing.  With both copies changed, there is no data.
# dmesg: BTRFS (error|warning|info) .*(authentication failed|errs: .* corrupt|read error corrected)
# vm: uml
. harness.sh
. tampering.sh

AT=$((3 * 4096))

# spoil MIRROR: that of the block, keeping its checksum
spoil() {
	block "$at" --mirror "$1" --set 100:0123456789abcdef
}

for profile in dup raid1 raid5; do
	devices=("$SCRATCH_DEV")
	[ $profile = dup ] || devices+=("$TEST_DEV")
	start_encrypted --data $profile --metadata dup
	head -c 64k /dev/urandom | tee file >"$encrypted/file"
	head -c 64k /dev/urandom | tee other >"$encrypted/other"
	sync
	at=$(($(address_of "$(stat -c %i "$encrypted/file")") + AT))
	umount "$SCRATCH_MNT"

	for mirror in 0 1; do
		# Of DUP, the second copy is read if the first one is bad.
		[ $profile = raid1 ] || [ $mirror = 0 ] || continue
		spoil $mirror
		mount_btrfs
		btrfs scrub start -Bq "$SCRATCH_MNT" || fail "$profile: scrub found something"
		add_key main >/dev/null
		# Which copy is read first depends on whether the number of the process is even.
		dmesg -C
		for ((i = 0; i < 30; i++)); do
			drop_caches
			cmp file "$encrypted/file" || fail "$profile: not the good copy was read"
			! dmesg | grep 'read error corrected' || break
			# An odd number of processes later
			/bin/true
		done
		[ $i -lt 30 ] || fail "$profile: the bad copy wasn't repaired"
		cmp other "$encrypted/other"
		umount "$SCRATCH_MNT"
		echo "$profile: with copy $mirror changed, the file can be read"
	done
	[ $profile != raid5 ] || continue
	spoil 0
	spoil 1
	mount_with_key
	all_ways_fail "$encrypted/file" $AT 4096 EIO "$profile, both copies changed"
	cmp -n $AT file "$encrypted/file"
	cmp other "$encrypted/other"
	btrfs device stats "$SCRATCH_MNT" | grep 'corruption_errs  *[1-9]' ||
		fail "$profile: the devices' statistics don't count it"
	umount "$SCRATCH_MNT"
done
