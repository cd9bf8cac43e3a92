#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With the largest number of ciphers, the pools take as much memory as is documented,
# no key is evicted, and removing the master key wipes all of them.
# What is documented is for AES-NI, which User-mode Linux hasn't.
# vm: qemu
# module: no
# timeout: 600
. harness.sh
. encryption.sh

extents=3000

# In bytes, without what can be reclaimed
kernel_memory() {
	awk '/^(SUnreclaim|VmallocUsed|Percpu):/ { sum += $2 } END { print sum * 1024 }' /proc/meminfo
}

# first_file DIRECTORY MODE: make a file, for which the pool is allocated; fail unless
# that takes what is documented, but for what the file itself takes
first_file() {
	local before used documented
	documented=$(sed -n "s/^$2 *\([0-9,]*\) bytes$/\1/p" \
		"$REPO/Documentation/performance.rst" | tr -d ,)
	before=$(kernel_memory)
	touch "$1/file"
	used=$((($(kernel_memory) - before) / 65535))
	echo "$2: $used bytes for each cipher, documented: $documented"
	[ "$KERNEL" = debug ] || ((used * 20 > documented * 19 && used * 20 < documented * 21)) ||
		fail "that is not $documented bytes"
}

# read_all WHAT: read all extents; fail unless all of them are hits or misses
read_all() {
	local before
	echo 1 >/proc/sys/vm/drop_caches
	before=$(stat_of "$1")
	cmp file "$encrypted/file"
	echo "$1: $(($(stat_of "$1") - before))"
	[ $(($(stat_of "$1") - before)) = $extents ] || fail "not $extents $1"
}

modprobe fscrypt_extent pool_size=65535
start_encrypted
first_file "$encrypted" AES-256-XTS
unset 'modes[AES-256-XTS]'
for mode in "${!modes[@]}"; do
	mkdir "$SCRATCH_MNT/$mode"
	set_policy "$SCRATCH_MNT/$mode" "$main" -v 2 "${modes[$mode]}"
	first_file "$SCRATCH_MNT/$mode" "$mode"
done
[ "$(grep -cx 'slots 65535' $stats)" = 4 ] || fail "not 65535 slots in four modes"

echo "--- one extent for each block"
head -c $((extents * 4096)) /dev/urandom >file
dd if=file of="$encrypted/file" bs=4k oflag=direct conv=notrunc status=none
[ "$(stat_of misses)" = $extents ] || fail "not $extents extents"
read_all hits

echo "--- all keys are wiped"
remove_key "$main"
[ "$(stat_of 'master keys')" = 0 ] || fail "the master key is in use"
add_key main >/dev/null
read_all misses
read_all hits
[ "$(stat_of evictions)" = 0 ] || fail "keys were evicted"
verify_offline
