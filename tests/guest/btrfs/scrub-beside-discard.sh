#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Scrub finds no errors in a file that is deleted meanwhile and whose space is discarded.
# vm: uml
. harness.sh
. encryption.sh
. faults.sh

rounds=5

# A disk that can discard.  What describes the extents takes longer to be read than they do,
# so it is likely that a commit comes when scrub has found some that it hasn't read yet.
mkdir ram
mount -t tmpfs ram ram
truncate -s 512M ram/disk
disk=$(losetup -f --show ram/disk)
faulty_disk slow "$disk"
sectors=$(blockdev --getsz "$disk")
devices=(/dev/mapper/slow)
mount_options+=,discard=sync
new_btrfs --nodesize 4k --metadata single
# So that the block group stays.
head -c 4M /dev/urandom >"$SCRATCH_MNT/kept"
for ((i = 0; i < rounds; i++)); do
	# Extents of a block each
	python3 - "$SCRATCH_MNT/file" <<-'EOF'
		import mmap, os, random, sys
		block = mmap.mmap(-1, 4096)
		file = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_DIRECT, 0o600)
		numbers = list(range(4000))
		random.Random(1).shuffle(numbers)
		for number in numbers:
		    block[:] = bytes([number % 255 + 1]) * 4096
		    os.pwritev(file, [block], 4096 * number)
	EOF
	sync
	rm "$SCRATCH_MNT/file"
	echo 1 >/proc/sys/vm/drop_caches
	reload_disk slow "0 $sectors delay $disk 0 5"
	btrfs scrub start -B "$SCRATCH_MNT" >said &
	sleep 0.3
	sync
	wait $! || true
	reload_disk slow "0 $sectors linear $disk 0"
	cat said
	grep 'no errors found' said || fail "scrub takes what was discarded for damaged"
done
umount "$SCRATCH_MNT"
btrfs check "${devices[0]}"
