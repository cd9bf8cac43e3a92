#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, a device replace that is suspended gets all writes to its target,
# too.  When it is cancelled, no keyslot of the target has a key.  The same if it is
# cancelled while it runs.
#
# A replace is suspended as long as a balance is paused.  Both together are found after
# power was lost during a replace, and a balance was started and paused before the target
# was there again.
# long: yes
. harness.sh
. encryption.sh
. inline-disks.sh
. stacks.sh

replace_state() {
	btrfs replace status -1 "$SCRATCH_MNT"
}

# start_slow_replace: of the first disk by the third.  Once it copies, it can be cancelled
# after each 8 MiB only.
start_slow_replace() {
	local uuid
	uuid=$(findmnt -nro UUID "$SCRATCH_MNT")
	echo 1M >"/sys/fs/btrfs/$uuid/devinfo/1/scrub_speed_max"
	btrfs replace start -K 1 "${disks[2]}" "$SCRATCH_MNT"
	until replace_state | grep -v 'Never started'; do
		sleep 0.1
	done
}

# cancel_replace: when it has begun to copy, before which it can't be cancelled
cancel_replace() {
	until btrfs replace cancel "$SCRATCH_MNT"; do
		! replace_state | grep finished || fail "too late"
		sleep 0.5
	done
}

# cancel_leaves_no_key NUMBER: cancel the replace by that disk, which is written to
cancel_leaves_no_key() {
	dirty_files "$encrypted" 20
	sync -f "$encrypted"
	echo "inline disks: held: $(inline_disks held)"
	in_time cancel_replace
	replace_state | tee state
	grep -i canceled state
	echo "inline disks: held: $(inline_disks held)"
	[ "$(held_by "$1")" = 0 ] || fail "inline$1, which is closed, has keys"
	inline_disks_are late 0
	inline_disks_are stale 0
}

# The target of a filesystem on one disk isn't found again.
make_inline_disks disks=6 megabytes=256 keyslots=8
disks=("${devices[@]}")
devices=("${disks[@]:0:2}")
mount_options=noatime,nodatasum,inlinecrypt
start_encrypted --data raid0 --metadata raid1
head -c 140M /dev/zero >"$plain/large"
sync
start_slow_replace
sync

# What is on the disks if power is lost now
for i in 0 1 2; do
	dd if="${disks[i]}raw" of="${disks[i + 3]}raw" bs=1M conv=fsync status=none
done

echo "--- cancelled while it runs"
cancel_leaves_no_key 2
umount "$SCRATCH_MNT"

echo "--- power is lost, and the target isn't there"
devices=("${disks[@]:3:2}")
btrfs device scan --forget
mount_options=noatime,degraded
mount_btrfs
replace_state
i=0
until btrfs balance pause "$SCRATCH_MNT"; do
	[ $((i += 1)) -lt 50 ] || fail "the balance can't be paused"
	btrfs balance start --full-balance --bg "$SCRATCH_MNT"
done
btrfs balance status "$SCRATCH_MNT" || true
umount "$SCRATCH_MNT"

echo "--- the target is there again"
devices=("${disks[@]:3:3}")
mount_options=noatime,nodatasum,inlinecrypt,skip_balance
mount_btrfs
add_key main
replace_state | tee state
grep -i suspended state
cancel_leaves_no_key 5

echo "--- nothing was lost"
devices=("${disks[@]:3:2}")
btrfs balance cancel "$SCRATCH_MNT"
remount
right_files "$encrypted" 20
umount "$SCRATCH_MNT"
inline_disks_are held "0 0 0 0 0 0"
inline_disks_are late 0
btrfs check --readonly "${devices[0]}"
