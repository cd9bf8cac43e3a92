#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Many readers of one extent share its cipher, while others read more extents than
# there are ciphers; in the middle of this the key is removed.  What is open can be
# read throughout, and when it isn't open any more, nothing of the key is left.
# module: no
. harness.sh
. encryption.sh

# Read random parts of the files directly and compare them, as long as "going" is there.
cat >readers.py <<'END'
import mmap, os, random, sys, threading

def read(name, chooser):
    file = os.open(f"{sys.argv[1]}/{name}", os.O_RDONLY | os.O_DIRECT)
    with open(name, "rb") as copy:
        data = copy.read()
    memory = memoryview(mmap.mmap(-1, 8 * 4096))
    # A direct read to pages that aren't there yet can become a buffered one.
    memory[:] = bytes(len(memory))
    while os.path.exists("going"):
        blocks = chooser.choice([1, 1, 1, 8])
        at = chooser.randrange(len(data) // 4096 - blocks + 1) * 4096
        buffer = memory[: blocks * 4096]
        if os.preadv(file, [buffer], at) != len(buffer) or buffer != data[at : at + len(buffer)]:
            print(f"wrong data in {name} at {at}", flush=True)
            os._exit(1)
    os.close(file)

for seed in range(8):
    name = "many" if seed % 2 else "one"
    threading.Thread(target=read, args=(name, random.Random(seed))).start()
END

# rises NAME: wait until that number has risen
rises() {
	local before
	before=$(stat_of "$1")
	until [ "$(stat_of "$1")" -gt "$before" ]; do
		kill -0 "$readers"
	done
}

modprobe fscrypt_extent pool_size=2
start_encrypted
head -c 1M /dev/urandom | tee one >"$encrypted/one"
sync
head -c 256k /dev/urandom >many
dd if=many of="$encrypted/many" bs=4k oflag=direct status=none
for ((i = 1; i <= 3; i++)); do
	touch going
	nice python3 readers.py "$encrypted" &
	readers=$!
	rises misses
	rises evictions
	remove_busy_key "$main"
	for what in hits misses evictions 'decrypted bios'; do
		rises "$what"
	done
	rm going
	wait "$readers"
	remove_key "$main"
	cat $stats
	grep -qx 'master keys 0' $stats || fail "the key is in use"
	add_key main >/dev/null
done
verify_offline
