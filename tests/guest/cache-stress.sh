#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Many readers of one extent share its cipher, while others read more extents than
# there are ciphers; in the middle of this the key is removed.  What is open can be
# read throughout, and when it isn't open any more, nothing of the key is left.
# module: no
# timeout: 240
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

stats=/sys/kernel/debug/fscrypt_extent/stats

# reader FILE SEED: read random parts of it directly, as long as the file "going" is
# there, and compare
reader() {
	exec python3 -c '
import mmap, os, random, sys
chooser = random.Random(sys.argv[2])
file = os.open(os.environ["encrypted"] + "/" + sys.argv[1], os.O_RDONLY | os.O_DIRECT)
with open(sys.argv[1], "rb") as copy:
    data = copy.read()
open(f"started.{sys.argv[2]}", "w").close()
while os.path.exists("going"):
    blocks = chooser.choice([1, 1, 1, 8])
    at = chooser.randrange(len(data) // 4096 - blocks + 1) * 4096
    buffer = mmap.mmap(-1, blocks * 4096)
    assert os.preadv(file, [buffer], at) == len(buffer)
    assert buffer[:] == data[at : at + len(buffer)], f"wrong data at {at}"
' "$@"
}

# rises NAME: wait until that number has risen
rises() {
	local before
	before=$(sed -n "s/^$1 //p" $stats)
	until [ "$(sed -n "s/^$1 //p" $stats)" -gt "$before" ]; do
		kill -0 "${readers[@]}"
	done
}

modprobe fscrypt_extent pool_size=3
start_encrypted
export encrypted
head -c 1M /dev/urandom | tee one >"$encrypted/one"
sync
head -c 256k /dev/urandom >many
dd if=many of="$encrypted/many" bs=4k oflag=direct status=none
for ((i = 1; i <= 5; i++)); do
	touch going
	rm -f started.*
	readers=()
	for seed in {1..10}; do
		file=one
		[ "$seed" -le 6 ] || file=many
		reader $file "$seed" &
		readers+=($!)
	done
	until [ "$(find . -name 'started.*' | wc -l)" = 10 ]; do
		kill -0 "${readers[@]}"
	done
	rises evictions
	remove_busy_key "$main"
	for what in hits misses evictions waits 'decrypted bios'; do
		rises "$what"
	done
	rm going
	for pid in "${readers[@]}"; do
		wait "$pid"
	done
	remove_key "$main"
	cat $stats
	grep -qx 'master keys 0' $stats || fail "the key is in use"
	add_key main >/dev/null
done
verify_offline
