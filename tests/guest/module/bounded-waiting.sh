#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Four tasks read one extent again and again with the only cipher that there is.  A task
# that wants another extent waits for each of them once at most, and not for ever.
# vm: uml
# module: no
. harness.sh
. encryption.sh
. held-ciphers.sh

reads=20

load_held_engine 1
start_encrypted
for name in shared other; do
	head -c 256k /dev/urandom >"$encrypted/$name"
done
sync
# There is always a reader in the middle of it.
slow_ciphers 1000
cat >readers.py <<'END'
import mmap, os, sys, threading, time

READERS, READS = 4, int(sys.argv[2])
counts = [0] * READERS
stop = False


def read_once(file, memory, offset=0):
    memory[:] = bytes(len(memory))
    assert os.preadv(file, [memory], offset) == len(memory)


def read_shared(number):
    file = os.open(f"{sys.argv[1]}/shared", os.O_RDONLY | os.O_DIRECT)
    memory = mmap.mmap(-1, 65536)
    while not stop:
        # What one reads is locked meanwhile.
        read_once(file, memory, number * len(memory))
        counts[number] += 1


readers = [threading.Thread(target=read_shared, args=(number,)) for number in range(READERS)]
for reader in readers:
    reader.start()
while not all(counts):
    time.sleep(0.1)
file = os.open(f"{sys.argv[1]}/other", os.O_RDONLY | os.O_DIRECT)
memory = mmap.mmap(-1, 4096)
before = sum(counts)
for _ in range(READS):
    read_once(file, memory)
others = sum(counts) - before
stop = True
for reader in readers:
    reader.join()
print(f"{others} reads of the others meanwhile")
if others > 2 * READERS * READS:
    sys.exit("too many overtook")
END
timeout 100 python3 readers.py "$encrypted" $reads || fail "it is overtaken again and again"
umount "$SCRATCH_MNT"
