#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write, sync and read files, as long as the file "going" is there.

usage: synced-files.py SEED DIRECTORY LIST
       synced-files.py check DIRECTORY LIST...

Anything may fail with ENOMEM, EIO or, as the filesystem gives up then, EROFS.  Files
that were written and synced without a failure are added to LIST, with their number of
blocks.  Each block has the file's name and its own number, after THE-PLAINTEXT-MARKER.
"check" reads what is in the lists, which then must not fail.
"""
import collections
import errno
import mmap
import os
import random
import sys

BLOCK = 4096
MAX_BLOCKS = 128
FAILURES = errno.ENOMEM, errno.EIO, errno.EROFS


def block(name, number):
    line = b"THE-PLAINTEXT-MARKER %s %d\n" % (name.encode(), number)
    return (line * (BLOCK // len(line) + 1))[:BLOCK]


def write(path, name, blocks, memory, chooser):
    """With one of the ways to write."""
    direct = chooser.random() < 0.3
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | (os.O_DIRECT if direct else 0), 0o600)
    try:
        for number in range(blocks):
            memory[number * BLOCK : (number + 1) * BLOCK] = block(name, number)
        data = memoryview(memory)[: blocks * BLOCK]
        done = 0
        while done < len(data):
            count = os.pwrite(fd, data[done : done + chooser.choice([1, 8, 64]) * BLOCK], done)
            done += count
        os.fsync(fd)
    finally:
        os.close(fd)


def check(path, name, blocks):
    with open(path, "rb", buffering=0) as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        for number in range(blocks):
            data = file.read(BLOCK)
            if data != block(name, number):
                sys.exit(f"{path}: block {number} is wrong")


def main():
    seed, directory, *lists = sys.argv[1:]
    if seed == "check":
        for path in lists:
            with open(path, encoding="ascii") as listing:
                for line in listing:
                    name, blocks = line.split()
                    check(f"{directory}/{name}", name, int(blocks))
        print(f"the files of {len(lists)} lists are right")
        return
    chooser = random.Random(seed)
    memory = mmap.mmap(-1, MAX_BLOCKS * BLOCK)
    memory[:] = bytes(len(memory))
    synced = []
    results = collections.Counter()
    count = 0
    with open(lists[0], "w", encoding="ascii") as listing:
        while os.path.exists("going"):
            count += 1
            name = f"{seed}.{count}"
            blocks = chooser.randint(1, MAX_BLOCKS)
            what = "to write"
            try:
                write(f"{directory}/{name}", name, blocks, memory, chooser)
                synced.append((name, blocks))
                print(name, blocks, file=listing, flush=True)
                results["written"] += 1
                what = "to read"
                for other in synced[-1], chooser.choice(synced):
                    check(f"{directory}/{other[0]}", *other)
                    results["read"] += 1
            except MemoryError:
                results["MemoryError"] += 1
            except OSError as error:
                if error.errno not in FAILURES:
                    raise
                results[f"failed {what} ({errno.errorcode[error.errno]})"] += 1
                if error.errno == errno.EROFS:
                    break
    print(f"writer {seed}:", dict(results))


main()
