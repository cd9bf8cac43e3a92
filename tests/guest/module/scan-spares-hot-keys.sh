#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 10,000 new extents are written while 100 are read again and again: the keys of these stay
# in the cache.
# vm: uml
# module: no
. harness.sh
. encryption.sh
. held-ciphers.sh

modprobe fscrypt_extent
start_encrypted
cat >scan.py <<'END'
import mmap, os, random, sys

HOT, NEW, READS = 100, 10000, 2000
block = mmap.mmap(-1, 4096)
block[:] = os.urandom(4096)
hot, new = (os.open(f"{sys.argv[1]}/{name}", os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
            for name in ("hot", "new"))
chooser = random.Random(1)


def stat(name):
    with open("/sys/kernel/debug/fscrypt_extent/stats") as file:
        return next(int(line.split()[1]) for line in file if line.startswith(name + " "))


# Each direct write makes an extent.
for number in range(HOT):
    os.pwritev(hot, [block], 4096 * number)
for _ in range(3):
    for number in range(HOT):
        os.preadv(hot, [block], 4096 * number)
before = stat("hits")
for number in range(NEW):
    os.pwritev(new, [block], 4096 * number)
    if number % (NEW // READS) == 0:
        os.preadv(hot, [block], 4096 * chooser.randrange(HOT))
hits = stat("hits") - before
print(f"{hits} of {READS} hits")
if hits < 0.95 * READS or hits > READS:
    sys.exit("the new keys pushed the others out")
END
python3 scan.py "$encrypted" || fail "the cache isn't as it should be"
[ "$(stat_of misses)" -ge 10000 ] || fail "there were few new keys"
verify_offline
