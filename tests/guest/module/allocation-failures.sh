#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Allocations fail here and there in all of the kernel, for the tasks that do I/O, with
# their memory cgroup at its limit and pages being swapped out.  I/O goes on or fails
# with an error, nothing that was synced is lost, and no plaintext gets to the disk.
# guest: own
# timeout: 500
# long: yes
# What btrfs says when it can't do without the memory
# dmesg: BTRFS:? error \(device (vdb|ubdc)
. harness.sh
. encryption.sh
. fault-injection.sh

attributes=(failslab fail_page_alloc)
cgroup=/sys/fs/cgroup/tight
read -r swap _ <<<"$SCRATCH_DEV_POOL"

# fail_some WHOSE N IGNORE_GFP_WAIT: let every N-th fail, of the writers' or of
# those in any task that btrfs is on the stack of; if Y, only of those that may not wait
# for memory
fail_some() {
	local start=0 end=0xffffffffffffffff task_filter=Y
	if [ "$1" = btrfs ]; then
		read -r start end < <(module_bounds btrfs)
		task_filter=N
	fi
	let_fail 100 task-filter=$task_filter "require-start=$start" "require-end=$end" \
		"interval=$2" "ignore-gfp-wait=$3"
}

# start_in_cgroup COMMAND...
start_in_cgroup() {
	(
		echo "$BASHPID" >$cgroup/cgroup.procs
		exec "$@"
	) &
	started=$!
}

# round NUMBER WHOSE N IGNORE_GFP_WAIT: write and read for some seconds, and see what is
# left
round() {
	local writers=() hog writer task
	echo "--- round $1: every $3rd allocation of $2, only what may not wait: $4"
	touch going
	# Memory that is used all the time, but not all of it can be there.
	start_in_cgroup python3 -c '
import mmap, os
memory = mmap.mmap(-1, 48 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
while os.path.exists("going"):
    for at in range(0, len(memory), 4096):
        memory[at] = 1'
	hog=$started
	for writer in 1 2 3; do
		start_in_cgroup synced-files.py "$writer.$1" "$encrypted" \
			"synced.$writer.$1"
		writers+=("$started")
	done
	for writer in 1 2 3; do
		until [ -s "synced.$writer.$1" ]; do
			kill -0 "${writers[@]}"
		done
	done
	for task in "${writers[@]}"; do
		echo 1 >"/proc/$task/make-it-fail"
	done
	fail_some "$2" "$3" "$4"
	sleep 5
	stop_failing
	[ $((failed[failslab] + failed[fail_page_alloc])) -gt 0 ] || fail "no allocations failed"
	rm going
	for task in "${writers[@]}" $hog; do
		wait "$task"
	done
	remount
	synced-files.py check "$encrypted" synced.*
}

mkswap -q "$swap"
swapon "$swap"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $cgroup
echo 56M >$cgroup/memory.high
echo 64M >$cgroup/memory.max
start_encrypted
echo 0 >$debugfs/fail_page_alloc/min-order

round 1 writers 3 Y
round 2 btrfs 3 Y
# After the first that btrfs can't do without, the filesystem is read-only.
round 3 btrfs 300 N
round 4 writers 300 N

grep pswpout /proc/vmstat
grep -x 'pswpout [1-9].*' /proc/vmstat >/dev/null || fail "nothing was swapped out"
grep high $cgroup/memory.events
grep -x 'high [1-9].*' $cgroup/memory.events >/dev/null || fail "there was enough memory"
swapoff "$swap"
expect_not_on_disks THE-PLAINTEXT-MARKER
verify_offline
