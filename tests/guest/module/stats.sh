#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each number that an operator sees in debugfs counts what it says, and none of
# them tells anything of keys.
# The number of waits takes two CPUs, and User-mode Linux has one.
# vm: qemu
# module: no
# For what blk-crypto does, with the keys of a device.
# variant: stats-blk-crypto vm= STATS_MOUNT_OPTIONS=noatime,nodatasum,inlinecrypt STATS_CACHE="blk-crypto " STATS_IO="blk-crypto fallback " STATS_BUSY=busy STATS_ONE_CACHE=1
. harness.sh
. encryption.sh

mount_options=${STATS_MOUNT_OPTIONS:-noatime}
# How the names begin of the cache's numbers, and of those of I/O; how it calls the number
# of times that no slot was idle; and whether there is one cache for all modes
cache=${STATS_CACHE-}
io=${STATS_IO-}
busy=${STATS_BUSY-waits}
one_cache=${STATS_ONE_CACHE-0}

# is NAME NUMBER: fail unless the stats, of the first cache that has it, say that
is() {
	expect_number "$1" "$(stat_of "$1")" "$2"
}

# read_file NAME: from the disk
read_file() {
	sync
	echo 1 >/proc/sys/vm/drop_caches
	cat "$encrypted/$1" >/dev/null
}

modprobe fscrypt_extent pool_size=2
is 'master keys' 0
is handles 0
! grep mode $stats || fail "a mode is prepared"

echo "--- open files"
start_encrypted
exec 5>"$encrypted/a" 6>"$encrypted/b" 7>"$encrypted/c"
is 'master keys' 1
is handles 3
is mode AES-256-XTS
is "${cache}slots" 2
is "${cache}misses" 0

echo "--- one miss for each extent written, one of which evicts another"
for fd in 5 6 7; do
	head -c 64k /dev/zero >&$fd
	sync
done
is "${cache}misses" 3
is "${cache}derivations" 3
is "${cache}evictions" 1
is "${cache}hits" 0
is "${io}encrypted bios" 3
is "${io}encrypted bytes" 196608
is "${io}decrypted bios" 0

echo "--- a hit, then a miss"
read_file c
is "${cache}hits" 1
is "${io}decrypted bios" 1
is "${io}decrypted bytes" 65536
read_file a
is "${cache}misses" 4
is "${cache}evictions" 2
is "${io}decrypted bytes" 131072
is "${cache}$busy" 0

echo "--- a shared key is not derived"
make_key direct
direct=$(add_key direct)
mkdir "$SCRATCH_MNT/direct"
set_policy "$SCRATCH_MNT/direct" "$direct" -v 2 "${modes[Adiantum]}" -f 0x4
echo contents >"$SCRATCH_MNT/direct/file"
sync
is 'master keys' 2
is handles 4
sed -n '/Adiantum/,$p' $stats | grep -x "${cache}misses $((4 * one_cache + 1))"
sed -n '/Adiantum/,$p' $stats | grep -x "${cache}derivations $((4 * one_cache))"

echo "--- more readers than slots"
exec 5>&- 6>&- 7>&-
for i in {1..8}; do
	head -c 1M /dev/urandom >"$encrypted/$i"
done
sync
until [ "$(stat_of "$cache$busy")" != 0 ]; do
	echo 1 >/proc/sys/vm/drop_caches
	for i in {1..8}; do
		cat "$encrypted/$i" >/dev/null &
	done
	wait
done

cat $stats
! grep -qi -e "$main" -e "$direct" $stats || fail "a key's identifier is shown"
remove_key "$main"
is 'master keys' 1
is handles 1
umount "$SCRATCH_MNT"
is 'master keys' 0
is handles 0
modprobe -r fscrypt_extent
[ ! -e $stats ] || fail "the stats are still there"
