#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A direct write of many pieces to allocated space is one ordered extent, split
# at each bio: all of them count data units from the extent's beginning on disk.
# The same through extent maps that are still cached, and in place (+C).
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

start_encrypted
mkdir "$encrypted/nocow"
chattr +C "$encrypted/nocow"
cat >pieces.py <<'END'
import mmap, os, random, sys

BLOCK, PIECES = 4096, 600
random.seed(1)
data = random.randbytes(BLOCK * PIECES)
# Every second page, so that no two pieces are adjacent in memory.
memory = mmap.mmap(-1, 2 * BLOCK * PIECES)
pieces = []
for nr in range(PIECES):
    piece = memoryview(memory)[2 * nr * BLOCK :][:BLOCK]
    piece[:] = data[nr * BLOCK :][:BLOCK]
    pieces.append(piece)

def read(fd):
    result = b""
    while chunk := os.pread(fd, len(data), OFFSET + len(result)):
        result += chunk
    return result[: len(data)]

OFFSET = 1 << 20
path = sys.argv[1]
if sys.argv[2] == "write":
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_DIRECT)
    os.posix_fallocate(fd, 0, 8 << 20)
    os.fsync(fd)
    if path.endswith("rewritten"):
        os.pwritev(fd, pieces[::-1], OFFSET)
    written = os.pwritev(fd, pieces, OFFSET)
    assert written == len(data), f"{written} of {len(data)} bytes written"
    with open(path, "rb", buffering=0) as same_inode:
        assert read(same_inode.fileno()) == data, f"{path}: other data through the open inode"
with open(path, "rb", buffering=0) as file:
    assert read(file.fileno()) == data, f"{path}: other data"
    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    assert read(file.fileno()) == data, f"{path}: other data, not cached"
print(f"{path}: {len(data)} bytes in {PIECES} pieces are as written")
END
files=("$encrypted/"{,nocow/}{written,rewritten} "$plain/written")
for file in "${files[@]}"; do
	python3 pieces.py "$file" write
done
drop_caches
for file in "${files[@]}"; do
	python3 pieces.py "$file" read
done
remount
for file in "${files[@]}"; do
	python3 pieces.py "$file" read
done
verify_offline
