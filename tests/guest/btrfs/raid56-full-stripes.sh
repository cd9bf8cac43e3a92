#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On RAID5 and 6, WRITE_MIB that are written in sequence make full stripes, and nothing has to be
# read for it, or as little as for a plain file.  That an encrypted write is in pieces,
# and that several CPUs encrypt, must not break the stripes up.
# variant: raid56-full-stripes-64m long=yes WRITE_MIB=64
. harness.sh
. encryption.sh

read -ra pool <<<"$SCRATCH_DEV_POOL"
devices+=("${pool[@]}")
mib=${WRITE_MIB:-16}

# kib_read: print how much was read from the disks so far
kib_read() {
	local device kib=0 stat
	for device in "${devices[@]}"; do
		read -ra stat <"/sys/block/${device##*/}/stat"
		kib=$((kib + stat[2] / 2))
	done
	echo $kib
}

# The ways to write.  The last has no plug of its own, so both bios that share a stripe read
# the rest of it, and where bios end depends on how the pages lie in memory: one or two
# thousand KiB more or less for files that are alike.  A bio has 1 MiB at least.
buffered() {
	dd if=data of="$1" bs=1M conv=fsync status=none
}

direct() {
	dd if=data of="$1" bs=1M oflag=direct status=none
}

ranges() {
	dd if=data of="$1" bs=1M status=none
	xfs_io -c "sync_range -w 0 ${mib}m" -c fsync "$1"
}

# count DIRECTORY HOW: write a file; set $kib to what was read from the disks for it
count() {
	local before
	sync
	before=$(kib_read)
	$2 "$1/$2"
	kib=$(($(kib_read) - before))
}

head -c "${mib}M" /dev/urandom >data
for profile in raid5 raid6; do
	start_encrypted -d $profile -m raid1
	# A first file, so that what is read to allocate and to log is in memory.
	in_both dd if=/dev/zero of=first bs=20k count=1 status=none
	sync
	for how in buffered direct ranges; do
		# A stripe more is read if by chance something else comes between its parts.
		limit=0
		[ $how != ranges ] || limit=$((mib * 2 * 192))
		for _ in 1 2 3; do
			count "$plain" $how
			[ "$kib" -le "$limit" ] || limit=$kib
			count "$encrypted" $how
			echo "$profile, $how: $kib KiB read, at most $limit KiB for a plain file"
			[ "$kib" -gt "$limit" ] || continue 2
		done
		failed=yes
	done
	remount
	for how in buffered direct ranges; do
		cmp data "$encrypted/$how"
	done
	umount "$SCRATCH_MNT"
done
[ -z "${failed-}" ] || fail "encrypted files took more reads than plain ones"
