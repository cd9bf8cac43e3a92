#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A thin pool has no space for a while: who writes to it waits, another filesystem goes
# on, and then all is as if nothing had happened.
# long: yes
. harness.sh
. encryption.sh
. faults.sh
. stacks.sh

# pool_table MIB: print the table of a pool of that size
pool_table() {
	echo "0 $(($1 * 2048)) thin-pool /dev/mapper/thin-metadata /dev/mapper/thin-data 128 0"
}

# resize_pool MIB
resize_pool() {
	reload_disk thin-data "0 $(($1 * 2048)) linear $thin_disk 8192"
	dmsetup load pool --table "$(pool_table "$1")"
	dmsetup suspend --noflush --nolockfs pool
	dmsetup resume pool
}

# pool_fills_up: and is extended
pool_fills_up() {
	local end
	echo "--- $mount_options"
	rm -f synced.* said.*
	dmsetup create thin-metadata --table "0 8192 linear $thin_disk 0"
	dd if=/dev/zero of=/dev/mapper/thin-metadata bs=1M count=1 conv=fsync status=none
	dmsetup create thin-data --table "0 65536 linear $thin_disk 8192"
	dmsetup create pool --table "$(pool_table 32)"
	echo 0 >/sys/module/dm_thin_pool/parameters/no_space_timeout
	dmsetup message pool 0 'create_thin 0'
	dmsetup create thin --table '0 2097152 thin /dev/mapper/pool 0'
	make_hanging /dev/mapper/thin -m single -K
	start_encrypted

	dirty_files "$TEST_DIR/encrypted" 300
	cp data "$TEST_DIR/encrypted/data"
	stuck sync -f "$TEST_DIR"
	end=$((SECONDS + deadline))
	until dmsetup status pool | grep out_of_data_space; do
		[ $SECONDS -lt $end ] || fail "the pool has space"
		sleep 0.2
	done
	write_for 1 meanwhile "$encrypted"
	right "$encrypted" meanwhile
	kill -0 "${stuck[@]}" || fail "nobody waits for the pool"

	resize_pool 512
	ended "what the pool kept waiting" "${stuck[@]}"
	stuck=()
	remount_hanging
	right_files "$TEST_DIR/encrypted" 300
	cmp data "$TEST_DIR/encrypted/data"
	umount "$TEST_DIR" "$SCRATCH_MNT"
	btrfs check --readonly /dev/mapper/hanging 2>&1 | grep 'no error found'
	dmsetup remove hanging thin pool thin-data thin-metadata
}

read -r thin_disk _ <<<"$SCRATCH_DEV_POOL"
head -c 40M /dev/urandom >data
load_engine 1
mount_options=noatime
pool_fills_up
mount_options=noatime,nodatasum,inlinecrypt
pool_fills_up
modprobe -r fscrypt_extent
