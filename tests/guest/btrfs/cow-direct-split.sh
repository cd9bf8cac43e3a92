#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A large direct write to a hole is split at each bio, and the parts are extents
# of their own: none may have the nonce of another.  The same if a write is cut
# short because the buffer isn't in memory, and goes on when it is.
. harness.sh
. encryption.sh
. small-bios.sh

start_encrypted
cat >short-writes.py <<'END'
import ctypes, mmap, os, random, sys
from small_bios import write_in_small_bios

BLOCK = 4096
random.seed(2)
path = sys.argv[1] + "/"
libc = ctypes.CDLL(None, use_errno=True)
data = random.randbytes(600 * BLOCK)

# More than a bio takes.
memory = mmap.mmap(-1, len(data))
memory[:] = data
fd = os.open(path + "large", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
assert write_in_small_bios(fd, memory, 0) == len(data)

# The buffer is a mapping of the file itself, so its pages can't be faulted in
# while the write has the range locked: the write falls short and goes on.
fd = os.open(path + "itself", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
with open(path + "itself", "r+b") as buffered:
    buffered.write(data[: 64 * BLOCK])
    buffered.flush()
    os.fsync(fd)
    os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
mapping = mmap.mmap(fd, 64 * BLOCK)
first = memoryview(mapping)[: 64 * BLOCK]
assert os.pwritev(fd, [first], 64 * BLOCK) == 64 * BLOCK

# Half of the buffer is not in memory yet.
source = open(path + "source", "w+b")
source.write(data[: 128 * BLOCK])
source.flush()
os.fsync(source.fileno())
os.posix_fadvise(source.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
half = mmap.mmap(source.fileno(), 128 * BLOCK)
half.madvise(mmap.MADV_RANDOM)
assert half[: 64 * BLOCK] == data[: 64 * BLOCK]
fd = os.open(path + "half", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
assert os.pwritev(fd, [half], 0) == 128 * BLOCK

# A page of the buffer is not mapped at all.
fd = os.open(path + "faulting", os.O_RDWR | os.O_CREAT | os.O_DIRECT)
size = 128 * BLOCK
buffer = mmap.mmap(-1, size)
buffer[:] = data[:size]
address = ctypes.addressof(ctypes.c_char.from_buffer(buffer))
libc.munmap(ctypes.c_void_p(address + size // 2), ctypes.c_size_t(BLOCK))
libc.pwrite.restype = ctypes.c_ssize_t
written = libc.pwrite(fd, ctypes.c_void_p(address), ctypes.c_size_t(size), ctypes.c_int64(0))
print(f"written from a buffer with a hole: {written} bytes")
assert written <= size // 2
# Again, with other data, where that has left extents.
buffer2 = mmap.mmap(-1, size)
buffer2[:] = data[size : 2 * size]
assert os.pwritev(fd, [buffer2], 0) == size
END
fail_large_folios
python3 short-writes.py "$plain"
python3 short-writes.py "$encrypted"
stop_failing
same_in_both
verify_offline
at_least 8 "encrypted extents"
