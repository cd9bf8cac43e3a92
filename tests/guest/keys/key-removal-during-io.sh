#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while the disk answers no request: reads and writes that are
# under way, and writes that begin afterwards, end as if nothing had happened.
. harness.sh
. encryption.sh
. faults.sh

direct_read() {
	# With its buffer filled, as in direct_dd.
	MALLOC_PERTURB_=1 exec dd if=/proc/self/fd/5 iflag=direct bs=1M of=read-direct status=none
}

buffered_read() {
	exec cat /proc/self/fd/6 >read-buffered
}

# direct_write, buffered_write FILE: overwrite the middle
direct_write() {
	exec dd if="$1" of=/proc/self/fd/7 oflag=direct bs=256k seek=1 conv=notrunc status=none
}

buffered_write() {
	exec dd if="$1" of=/proc/self/fd/8 bs=256k seek=1 conv=notrunc,fsync status=none
}

stop_disk() {
	dmsetup suspend --nolockfs --noflush slow
}

start_disk() {
	dmsetup resume slow
	wait_for_stuck
}

# check_written FILE
check_written() {
	dd if="$1" of=written bs=256k seek=1 conv=notrunc status=none
	cmp written - <&7
	cmp written - <&8
	exec 7<>"$encrypted/7" 8<>"$encrypted/8"
}

faulty_disk slow "$SCRATCH_DEV"
devices=(/dev/mapper/slow)
start_encrypted
head -c 1M /dev/urandom | tee written | tee "$encrypted/"{5,6,7,8} >/dev/null
cp written read
head -c 256k /dev/urandom >first
head -c 256k /dev/urandom >second
drop_caches
exec 5<"$encrypted/5" 6<"$encrypted/6" 7<>"$encrypted/7" 8<>"$encrypted/8"

echo "--- reads are under way, then writes begin"
stop_disk
stuck direct_read
stuck buffered_read
remove_busy_key "$main"
stuck direct_write first
stuck buffered_write first
stuck xfs_io -c "rm_enckey $main" "$SCRATCH_MNT"
start_disk
cmp read read-direct
cmp read read-buffered
check_written first

echo "--- writes are under way"
add_key main
stop_disk
stuck direct_write second
stuck buffered_write second
stuck xfs_io -c "rm_enckey $main" "$SCRATCH_MNT"
start_disk
key_status "$main" 'Incompletely removed'
check_written second

exec 5<&- 6<&- 7<&- 8<&-
remove_key "$main"
remount
cmp written "$encrypted/7"
cmp written "$encrypted/8"
verify_without_faults slow "$SCRATCH_DEV"
