#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while nothing but requests of an io_uring hold files, and the disk
# answers none: they end as if nothing had happened, and keep the key from being
# absent until then.
. harness.sh
. encryption.sh
. faults.sh

# disk_requests: how many the disk has not answered yet
disk_requests() {
	# The target's status: reads, writes and flushes that it delays
	dmsetup status slow | awk '{ print $4 + $5 + $6 }'
}

# under_way WORD...: make the request in the background that uring-request.py makes of
# these; it waits for the disk
under_way() {
	local before
	before=$(disk_requests)
	uring-request.py "$@" &
	stuck+=($!)
	until [ "$(disk_requests)" -gt "$before" ] && ! find /proc/$!/fd -lname "$3" | grep -q .; do
		kill -0 $!
		sleep 0.1
	done
	echo "under way: $*"
}

stop_disk() {
	local file
	# What leads to the files' data stays in memory, so that no request waits before it
	# is made.
	sync
	for file in "$encrypted"/*; do
		xfs_io -c 'fadvise -d 0 0' "$file"
	done
	reload_disk slow "0 $sectors delay $SCRATCH_DEV 0 3600000"
}

# start_disk: all that it has got is answered at once
start_disk() {
	reload_disk slow "0 $sectors linear $SCRATCH_DEV 0"
	wait_for_stuck
}

# overwritten FILE OFFSET: fail unless the file is the data with the change
overwritten() {
	cp data expected
	dd if=change of=expected bs=1 seek="$2" conv=notrunc status=none
	cmp expected "$1"
}

# finish_removal: when the requests have ended
finish_removal() {
	# The kernel may close a request's file some time after it has completed it.
	until xfs_io -c "enckey_status $main" "$SCRATCH_MNT" | grep ^Absent; do
		xfs_io -c "rm_enckey $main" "$SCRATCH_MNT"
	done
	add_key main
}

faulty_disk slow "$SCRATCH_DEV"
sectors=$(blockdev --getsz "$SCRATCH_DEV")
devices=(/dev/mapper/slow)
start_encrypted
head -c 1M /dev/urandom | tee data | tee "$encrypted/"{1,2,3,4} >/dev/null
head -c 64k /dev/urandom >change

echo "--- what the removal doesn't wait for"
stop_disk
under_way read direct "$encrypted/1" 0 data
under_way read buffered "$encrypted/2" 0 data
# Not a whole block, so it has to be read first.
under_way write buffered "$encrypted/3" 5000 change
remove_busy_key "$main"
start_disk
finish_removal
overwritten "$encrypted/3" 5000

echo "--- what it waits for"
stop_disk
under_way write direct "$encrypted/4" 262144 change
stuck xfs_io -c "rm_enckey $main" "$SCRATCH_MNT"
start_disk
finish_removal
overwritten "$encrypted/4" 262144

remount
overwritten "$encrypted/3" 5000
overwritten "$encrypted/4" 262144
verify_without_faults slow "$SCRATCH_DEV"
