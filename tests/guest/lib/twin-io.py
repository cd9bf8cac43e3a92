#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do the same random I/O in two directories, and compare the results.

usage: twin-io.py SEED COUNT DIRECTORY DIRECTORY

Each directory gets two files.  Every operation is done in both directories; what
it returns or reads must be alike.  After every hundred, so must the whole files,
half of the times after the caches were dropped.
"""
import errno
import hashlib
import mmap
import os
import random
import sys

import kernel

SIZE_MAX = 4 << 20
BLOCK = 4096
FILES = 2

FALLOC_FL_KEEP_SIZE = 0x01
FALLOC_FL_PUNCH_HOLE = 0x02
FALLOC_FL_ZERO_RANGE = 0x10


class File:
    def __init__(self, path):
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self.direct = os.open(path, os.O_RDWR | os.O_DIRECT)

    def size(self):
        return os.fstat(self.fd).st_size


def pages(data):
    """A buffer for direct I/O: of its own pages."""
    buffer = mmap.mmap(-1, max(len(data), 1))
    buffer[: len(data)] = data
    return memoryview(buffer)[: len(data)]


def pieces(buffer, cuts):
    at = [0, *cuts, len(buffer)]
    return [buffer[a:b] for a, b in zip(at, at[1:])]


def write(file, offset, data):
    return os.pwrite(file.fd, data, offset)


def write_direct(file, offset, data, cuts):
    return os.pwritev(file.direct, pieces(pages(data), cuts), offset)


def write_mmap(file, offset, data):
    start = offset // mmap.PAGESIZE * mmap.PAGESIZE
    with mmap.mmap(file.fd, offset + len(data) - start, offset=start) as mapping:
        mapping[offset - start :] = data
    return len(data)


def append(file, data):
    return os.pwrite(file.fd, data, file.size())


def read(file, offset, length):
    return os.pread(file.fd, length, offset)


def read_direct(file, offset, length, cuts):
    buffer = pages(bytes(length))
    count = os.preadv(file.direct, pieces(buffer, cuts), offset)
    return bytes(buffer[:count])


def read_mmap(file, offset, length):
    start = offset // mmap.PAGESIZE * mmap.PAGESIZE
    with mmap.mmap(file.fd, offset + length - start, offset=start) as mapping:
        return mapping[offset - start :]


def truncate(file, size):
    os.ftruncate(file.fd, size)


def allocate(file, mode, offset, length):
    kernel.fallocate(file.fd, mode, offset, length)


def clone(file, source, source_offset, length, offset):
    kernel.clone_range(file.fd, source.fd, source_offset, length, offset)


def sync(file):
    os.fsync(file.fd)


class Chooser:
    """Chooses operations: the same ones for the same seed and results."""

    def __init__(self, seed):
        self.random = random.Random(seed)

    def aligned(self, value):
        return value // BLOCK * BLOCK

    def range(self, limit):
        """An offset and a length that end at the limit at most."""
        chance = self.random.random()
        if chance < 0.3:
            length = self.random.randint(1, 200)
        elif chance < 0.7:
            length = self.random.randint(1, 16 * BLOCK)
        else:
            length = self.random.randint(1, 128 * BLOCK)
        length = min(length, limit)
        return self.random.randint(0, limit - length), length

    def aligned_range(self, limit):
        offset, length = self.range(limit - BLOCK)
        return self.aligned(offset), self.aligned(length) + BLOCK

    def data(self, length):
        if self.random.random() < 0.5:
            return self.random.randbytes(length)
        # Something that compression likes.
        return (self.random.randbytes(64) * (length // 64 + 1))[:length]

    def cuts(self, length):
        """Where to cut a buffer so that its pieces are aligned for direct I/O."""
        blocks = range(BLOCK, length, BLOCK)
        return sorted(self.random.sample(blocks, min(len(blocks), self.random.randint(0, 9))))

    def operation(self, size):
        """Returns a function and its arguments, without the file that comes first."""
        pick = self.random.choice
        whole = self.range(SIZE_MAX)
        blocks = self.aligned_range(SIZE_MAX)
        inside = self.range(size) if size else (0, 0)
        choices = [
            lambda: (write, whole[0], self.data(whole[1])),
            lambda: (write, blocks[0], self.data(blocks[1])),
            lambda: (write_direct, blocks[0], self.data(blocks[1]), self.cuts(blocks[1])),
            lambda: (write_direct, blocks[0], self.data(blocks[1]), self.cuts(blocks[1])),
            # Not aligned, so buffered after all.
            lambda: (write_direct, whole[0], self.data(whole[1]), []),
            lambda: (append, self.data(min(whole[1], max(SIZE_MAX - size, 1)))),
            lambda: (read, *whole),
            lambda: (read_direct, *blocks, self.cuts(blocks[1])),
            lambda: (read_direct, *blocks, self.cuts(blocks[1])),
            lambda: (truncate, whole[0]),
            lambda: (allocate, pick([0, FALLOC_FL_KEEP_SIZE]), *whole),
            lambda: (allocate, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, *whole),
            lambda: (allocate, FALLOC_FL_ZERO_RANGE | pick([0, FALLOC_FL_KEEP_SIZE]), *whole),
            lambda: (clone, pick(range(FILES)), self.aligned_range(SIZE_MAX)[0], blocks[1], blocks[0]),
            lambda: (sync,),
        ]
        if inside[1]:
            choices += [
                lambda: (write_mmap, inside[0], self.data(inside[1])),
                lambda: (read_mmap, *inside),
            ]
        return pick(choices)()


def attempt(function, file, arguments):
    try:
        return function(file, *arguments)
    except OSError as error:
        return errno.errorcode[error.errno]


def describe(function, number, arguments):
    shown = [f"{len(a)} bytes" if isinstance(a, bytes) else str(a) for a in arguments]
    return f"file {number}: {function.__name__}({', '.join(shown)})"


def first_difference(a, b):
    if not isinstance(a, bytes) or not isinstance(b, bytes):
        return f"{a!r:.60} and {b!r:.60}"
    for at, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return f"{len(a)} and {len(b)} bytes, different from byte {at} on"
    return f"{len(a)} and {len(b)} bytes"


def drop_caches():
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as file:
        file.write("3")


def main():
    seed, count = int(sys.argv[1]), int(sys.argv[2])
    twins = [[File(f"{path}/{seed}.{nr}") for nr in range(FILES)] for path in sys.argv[3:5]]
    chooser = Chooser(seed)
    done = {}
    history = []

    def compare(what, results):
        if results[0] != results[1]:
            print("\n".join(history[-20:]))
            sys.exit(f"seed {seed}, operation {len(history)}, {what}: "
                     f"{first_difference(*results)}")

    def compare_files(when):
        for number, pair in enumerate(zip(*twins)):
            compare(f"file {number} {when}", [read(file, 0, SIZE_MAX + 1) for file in pair])

    print(f"seed {seed}, {count} operations in {' and '.join(sys.argv[3:5])}")
    for index in range(count):
        number = chooser.random.randrange(FILES)
        pair = [files[number] for files in twins]
        function, *arguments = chooser.operation(pair[0].size())
        history.append(describe(function, number, arguments))
        results = []
        for files, file in zip(twins, pair):
            its = list(arguments)
            if function is clone:
                its[0] = files[its[0]]
            results.append(attempt(function, file, its))
        compare(history[-1], results)
        name = function.__name__ + (f" ({results[0]})" if isinstance(results[0], str) else "")
        done[name] = done.get(name, 0) + 1
        if index % 100 == 49:
            compare_files("from the cache")
        elif index % 100 == 99:
            drop_caches()
            compare_files("from disk")
    drop_caches()
    compare_files("at the end")
    print(", ".join(f"{times} {name}" for name, times in sorted(done.items())))
    for number, file in enumerate(twins[0]):
        digest = hashlib.sha256(read(file, 0, SIZE_MAX)).hexdigest()
        print(f"file {number}: {file.size()} bytes, SHA-256 {digest}")


main()
