#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module allocates no memory for I/O, in no mode, and cache misses are no
# exception.  Where btrfs allocates for it, a reserve serves if nothing else is left.
# So I/O succeeds although all of these allocations fail.
# module: no
. harness.sh
. encryption.sh
. fault-injection.sh

# all_io: in all directories, to files that are open
all_io() {
	local directory
	head -c 2M /dev/urandom >data
	head -c 1500k /dev/urandom | xxd >text
	for directory in "${directories[@]}"; do
		dd if=data of="$directory/buffered" bs=64k conv=notrunc,fsync status=none
		dd if=data of="$directory/direct" bs=1M oflag=direct conv=notrunc status=none
		dd if=data of="$directory/direct" bs=4k count=20 oflag=direct conv=notrunc \
			status=none
		dd if=text of="$directory/compressed" bs=64k conv=notrunc,fsync status=none
		echo 1 >/proc/sys/vm/drop_caches
		cmp data "$directory/buffered"
		cmp text "$directory/compressed"
		direct_dd if="$directory/direct" bs=1M | cmp data -
		direct_dd if="$directory/direct" bs=4k count=20 skip=40 |
			cmp -n 80k -i 160k:0 data -
	done
}

# With so few ciphers there are misses all the time.
modprobe fscrypt_extent pool_size=2
start_encrypted
directories=()
descriptors=()
for policy in "${modes[@]}" "${modes[Adiantum]} -f 0x4"; do
	directory=$SCRATCH_MNT/$policy
	mkdir "$directory"
	set_policy "$directory" "$main" -v 2 "$policy"
	touch "$directory"/{buffered,direct,compressed}
	chattr +c "$directory/compressed"
	for file in buffered direct compressed; do
		exec {descriptor}<"$directory/$file"
		descriptors+=("$descriptor")
	done
	directories+=("$directory")
done
fail_in_all_tasks

read -r start end < <(module_bounds fscrypt_extent)
fail_allocations "$start" "$end" 2
misses=$(sum_of misses)
all_io
stop_failing
misses=$(($(sum_of misses) - misses))
echo "$misses misses"
[ $misses -ge 100 ] || fail "too few misses"
for attribute in "${attributes[@]}"; do
	[ "${failed[$attribute]}" = 0 ] || fail "the module allocates memory for I/O"
done

# To open a file, it does allocate.
fail_allocations "$start" "$end" 2
expect_error 'Cannot allocate memory' touch "$encrypted/new"
stop_failing
[ "${failed[failslab]}" -gt 0 ] || fail "no allocations failed"

read -r start end < <(function_bounds btrfs_alloc_bounce_bio)
fail_allocations "$start" "$end" 0
all_io
stop_failing
for attribute in "${attributes[@]}"; do
	[ "${failed[$attribute]}" -gt 0 ] || fail "$attribute wasn't tried"
done

for descriptor in "${descriptors[@]}"; do
	exec {descriptor}<&-
done
remount
for directory in "${directories[@]}"; do
	cmp data "$directory/buffered"
	cmp data "$directory/direct"
	cmp text "$directory/compressed"
done
verify_offline
