#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, devices are added, removed and replaced while files are in use
# on more than eight of them: no keyslot keeps a key of a device that has left, and
# none is used in place of another.  There are fewer keys than extents, or more.
# module: no
# timeout: 600
. harness.sh
. encryption.sh
. inline-disks.sh

# leaves NUMBER COMMAND...: a device leaves the filesystem, with the command
leaves() {
	local disk=$1
	shift
	until [ "$(held_by "$disk")" != 0 ]; do
		sleep 0.1
	done
	"$@"
	[ "$(held_by "$disk")" = 0 ] || fail "inline$disk kept keys after: $*"
}

# read_forty UNTIL: again and again, until that file exists
read_forty() {
	until [ -e "$1" ]; do
		echo 1 >/proc/sys/vm/drop_caches
		sha256sum --quiet -c "$OUT/sums"
	done
}

for pool_size in 1 4096; do
	echo "--- pool_size=$pool_size"
	modprobe fscrypt_extent pool_size=$pool_size
	make_inline_disks disks=13 megabytes=128 keyslots=3
	spare=("${devices[@]:10}")
	devices=("${devices[@]:0:10}")
	mount_options=noatime,nodatasum,inlinecrypt
	start_encrypted --data raid0 --metadata raid1
	mkdir "$SCRATCH_MNT/forty"
	set_policy "$SCRATCH_MNT/forty" "$main" -v 2
	cd "$SCRATCH_MNT/forty"
	for i in {1..40}; do
		head -c 512k /dev/urandom >"$i"
	done
	sync
	sha256sum -- * >"$OUT/sums"
	twin-io.py 8 400 "$plain" "$encrypted" &
	writer=$!
	read_forty "$OUT/enough" &
	reader=$!

	btrfs device add -K "${spare[0]}" "${spare[1]}" "$SCRATCH_MNT"
	btrfs balance start -d "$SCRATCH_MNT"
	leaves 2 btrfs replace start -K -B 3 "${spare[2]}" "$SCRATCH_MNT"
	leaves 4 btrfs device remove "${devices[4]}" "$SCRATCH_MNT"
	wait $writer
	leaves 10 btrfs device remove "${spare[0]}" "$SCRATCH_MNT"
	touch "$OUT/enough"
	wait $reader
	rm "$OUT/enough"
	grep -e '^blk-crypto evictions' -e '^blk-crypto hardware' $stats
	inline_disks_are stale 0

	drop_caches
	sha256sum --quiet -c "$OUT/sums"
	same_trees "$encrypted" "$plain" "after that"
	cd /
	umount "$SCRATCH_MNT"
	inline_disks_are held "0 0 0 0 0 0 0 0 0 0 0 0 0"
	inline_disks_are stale 0
	btrfs device scan --forget
	modprobe -r inline_disk fscrypt_extent
done
