#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A large direct write to allocated space is one ordered extent, split at each
# bio: all of them count data units from the extent's beginning on disk.  The
# same through extent maps that are still cached, and in place (+C).
# variant: prealloc-direct-split-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. small-bios.sh

start_encrypted
mkdir "$encrypted/nocow"
chattr +C "$encrypted/nocow"
cat >large-write.py <<'END'
import mmap, os, random, sys
from small_bios import write_in_small_bios

BLOCK, BLOCKS = 4096, 600
random.seed(1)
data = random.randbytes(BLOCK * BLOCKS)
memory = mmap.mmap(-1, len(data))
OFFSET = 1 << 20

def read(fd):
    result = b""
    while chunk := os.pread(fd, len(data), OFFSET + len(result)):
        result += chunk
    return result[: len(data)]

path = sys.argv[1]
if sys.argv[2] == "write":
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    os.posix_fallocate(fd, 0, 8 << 20)
    os.fsync(fd)
    if path.endswith("rewritten"):
        write_in_small_bios(fd, memory, OFFSET)
    memory[:] = data
    written = write_in_small_bios(fd, memory, OFFSET)
    assert written == len(data), f"{written} of {len(data)} bytes written"
    with open(path, "rb", buffering=0) as same_inode:
        assert read(same_inode.fileno()) == data, f"{path}: other data through the open inode"
with open(path, "rb", buffering=0) as file:
    assert read(file.fileno()) == data, f"{path}: other data"
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert read(file.fileno()) == data, f"{path}: other data, not cached"
print(f"{path}: {len(data)} bytes are as written")
END
files=("$encrypted/"{,nocow/}{written,rewritten} "$plain/written")
fail_large_folios
for file in "${files[@]}"; do
	python3 large-write.py "$file" write
done
stop_failing
drop_caches
for file in "${files[@]}"; do
	python3 large-write.py "$file" read
done
remount
for file in "${files[@]}"; do
	python3 large-write.py "$file" read
done
verify_offline
