#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Fill a filesystem to the last byte, and see what can still be done.

usage: no-space.py fill WHAT DIRECTORY     WHAT is data or metadata
       no-space.py recover DIRECTORY

Files whose name begins with "good" have what belongs to their name up to the first "-", as
long as they are.
Fails if anything gives another error than that there is no space or quota.  "fill" prints
which errors each operation gave.  "recover" deletes half of the files, after which all
must work again.
"""
import collections
import errno
import mmap
import os
import sys

BLOCK = 4096
NO_SPACE = errno.ENOSPC, errno.EDQUOT
errors = collections.defaultdict(set)
done = collections.Counter()


def data(name, number):
    line = b"THE-PLAINTEXT-MARKER %s %d\n" % (name.split("-")[0].encode(), number)
    return (line * (BLOCK // len(line) + 1))[:BLOCK]


def contents(name, first, blocks):
    return b"".join(data(name, number) for number in range(first, first + blocks))


def attempt(operation, *arguments):
    """Returns whether that could be done, or there is no space for it."""
    try:
        operation(*arguments)
        done[operation.__name__] += 1
        return True
    except OSError as error:
        if error.errno not in NO_SPACE:
            raise
        errors[operation.__name__].add(errno.errorcode[error.errno])
        return False


def create(name):
    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def write(name, first, blocks):
    fd = os.open(name, os.O_WRONLY)
    try:
        os.pwrite(fd, contents(name, first, blocks), first * BLOCK)
    finally:
        os.close(fd)


def write_direct(name, first, blocks):
    memory = mmap.mmap(-1, blocks * BLOCK)
    memory[:] = contents(name, first, blocks)
    fd = os.open(name, os.O_WRONLY | os.O_DIRECT)
    try:
        os.pwrite(fd, memory, first * BLOCK)
    finally:
        os.close(fd)


def fsync(name):
    fd = os.open(name, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def truncate(name, blocks):
    os.truncate(name, blocks * BLOCK)


def symlink(name):
    os.symlink("t" * 1000, name)


def setxattr(name):
    os.setxattr(name, "user.attribute", bytes(1000))


def fill_with_data():
    """Files of ever smaller writes, until not even one block fits."""
    number = 0
    for blocks in 256, 16, 1:
        failures = 0
        while failures < 3:
            name = f"good{number}"
            number += 1
            if not attempt(create, name):
                break
            for way in write, write_direct:
                if not attempt(way, name, os.stat(name).st_size // BLOCK, blocks):
                    failures += 1
            if number % 8 == 0:
                attempt(fsync, name)
            # What isn't reserved exactly comes back.
            if failures:
                os.sync()


def fill_with_metadata():
    number = 0
    for ways in [create, setxattr, symlink], [create, setxattr], [create]:
        failures = 0
        while failures < 10:
            name = f"good{number}-{'n' * 200}"
            number += 1
            for way in ways:
                if not attempt(way, f"link{number}" if way == symlink else name):
                    failures += 1
                    os.sync()
                    break


def use():
    """All operations on what is there, while there is no space."""
    names = sorted(name for name in os.listdir() if name.startswith("good"))
    for name in names[:40]:
        blocks = os.stat(name).st_size // BLOCK
        attempt(write, name, 0, max(1, blocks // 2))
        attempt(write_direct, name, blocks, 1)
        attempt(fsync, name)
        attempt(os.link, name, f"link-{name[:9]}")
        attempt(setxattr, name)
        renamed = f"{name.split('-')[0]}-renamed"
        if attempt(os.rename, name, renamed):
            attempt(truncate, renamed, max(1, blocks // 4))
            attempt(fsync, renamed)
        attempt(create, f"new-{name[:9]}")
    os.sync()


def check():
    blocks = 0
    for name in os.listdir():
        if name.startswith("good"):
            with open(name, "rb") as file:
                for number in range(os.stat(name).st_size // BLOCK):
                    if file.read(BLOCK) != data(name, number):
                        sys.exit(f"{name}: block {number} is wrong")
                    blocks += 1
    if not blocks:
        sys.exit("there are no contents")
    print(f"{blocks} blocks are right", file=sys.stderr)


def recover():
    check()
    for name in sorted(os.listdir())[::2]:
        # Each needs some space.
        if not attempt(os.unlink, name):
            os.sync()
            os.unlink(name)
    os.sync()
    check()
    for number in range(20):
        name = f"good-recovered{number}"
        create(name)
        write(name, 0, 16)
        write_direct(name, 16, 16)
        fsync(name)
    check()


def main():
    os.chdir(sys.argv[-1])
    if sys.argv[1] == "recover":
        recover()
        return
    {"data": fill_with_data, "metadata": fill_with_metadata}[sys.argv[2]]()
    use()
    check()
    print("done:", dict(done), file=sys.stderr)
    for operation in sorted(errors):
        for error in sorted(errors[operation]):
            print(operation, error)


main()
