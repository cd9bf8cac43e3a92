#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files are closed, their keys removed and the filesystem unmounted right after
# reads and writes were started, and while they end.  On the debug kernel KASAN
# would see a handle used after it is closed.
. harness.sh
. encryption.sh

start_encrypted
head -c 4M /dev/urandom | tee expected >"$encrypted/file"

for ((i = 1; i <= 5; i++)); do
	# Readahead of what nobody waits for
	drop_caches
	xfs_io -r -c 'fadvise -w 0 4m' -c 'pread -q 0 4k' "$encrypted/file"
	xfs_io -c "rm_enckey $main" "$SCRATCH_MNT" >/dev/null
	echo 3 >/proc/sys/vm/drop_caches
	add_key main >/dev/null

	# Asynchronous I/O that is cancelled because its process is killed
	fio --name=cancelled --filename="$encrypted/aio" --size=2M --rw=randrw --bs=16k \
		--thread --ioengine=libaio --iodepth=32 --direct=1 --time_based --runtime=60 >/dev/null 2>&1 &
	fio=$!
	sleep 2
	kill -KILL $fio
	wait $fio 2>/dev/null || true
	dd if=expected of="$encrypted/written" bs=1M status=none
	umount "$SCRATCH_MNT"
	mount_btrfs
	add_key main >/dev/null
	cmp expected "$encrypted/file"
	cmp expected "$encrypted/written"
done
echo "all was right $((i - 1)) times"
remove_key "$main"
add_key main
verify_offline
