#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A slow disk takes one request at a time, and has to do much for one task.  Another's
# write and fsync don't queue up behind what the first has left to encryption workers.
# guest: own
. harness.sh
. encryption.sh

# A workqueue has a queue for each group of CPUs.
taskset -pc 0 $$
modprobe scsi_debug dev_size_mb=512 max_queue=1 delay=0
disk=$(basename /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*)
devices=("/dev/$disk")
echo 256 >"/sys/block/$disk/queue/max_sectors_kb"
head -c 256K /dev/urandom >small
start_encrypted
in_both touch small

# slow_down NANOSECONDS: let each request take so long
slow_down() {
	sync
	echo "$1" >/sys/bus/pseudo/drivers/scsi_debug/ndelay
}

# requests: how many writes the disk has done
requests() {
	awk '{ print $5 }' "/sys/block/$disk/stat"
}

# write_backlog FILE: 100 extents far from each other, so that each is a bio
write_backlog() {
	python3 -c 'import sys
with open(sys.argv[1], "wb") as file:
    for number in range(100):
        file.seek(number << 20)
        file.write(bytes(128 << 10))' "$1"
}

for directory in "$plain" "$encrypted"; do
	slow_down 100000000
	write_backlog "$directory/large"
	before=$(requests)
	xfs_io -c fsync "$directory/large" &
	backlog=$!
	until [ "$(requests)" -ge $((before + 10)) ]; do
		sleep 0.1
	done
	start=${EPOCHREALTIME/./}
	dd if=small of="$directory/small" bs=256k conv=fsync,notrunc status=none
	ms=$(((${EPOCHREALTIME/./} - start) / 1000))
	kill -0 $backlog || fail "there is no backlog"
	wait $backlog
	total=$(((${EPOCHREALTIME/./} - start) / 1000))
	echo "${directory##*/}: fsync took $ms ms, the backlog $total ms"
	slow_down 0
done
[ "$ms" -lt $((total / 2)) ] || fail "fsync waited for what another wrote"
