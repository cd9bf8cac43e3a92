#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A slow disk takes one request at a time, and has to do much for one task.  Another's
# write and fsync don't queue up behind what the first has left to encryption workers.
# guest: own
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

modprobe scsi_debug dev_size_mb=512 max_queue=1 delay=0
disk=$(basename /sys/bus/pseudo/drivers/scsi_debug/adapter*/host*/target*/*/block/*)
devices=("/dev/$disk")
echo 256 >"/sys/block/$disk/queue/max_sectors_kb"
head -c 24M /dev/urandom >data
head -c 256K data >small
start_encrypted
in_both touch small

# slow_down NANOSECONDS: let each request take so long
slow_down() {
	sync
	echo "$1" >/sys/bus/pseudo/drivers/scsi_debug/ndelay
}

for directory in "$plain" "$encrypted"; do
	slow_down 100000000
	dd if=data of="$directory/large" bs=1M status=none
	xfs_io -c fsync "$directory/large" &
	backlog=$!
	sleep 1
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
