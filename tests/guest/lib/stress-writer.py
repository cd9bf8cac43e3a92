#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write to files in all ways while their key comes and goes.

usage: stress-writer.py SEED SECONDS DIRECTORY EXPECTED

What is done through an open file must succeed.  To open, create, rename or delete
one may fail for want of the key, and then nothing must have changed.  The files are
in two subdirectories of DIRECTORY; EXPECTED gets copies of what they must have.
"""
import collections
import errno
import fcntl
import mmap
import os
import random
import sys
import time

SIZE_MAX = 512 << 10
BLOCK = 4096
FILES = 4
WITHOUT_KEY = errno.ENOKEY, errno.ENOENT

seed, seconds, directory, expected = sys.argv[1:]
chooser = random.Random(int(seed))
done = collections.Counter()


class File:
    """A file that exists, and what it must have."""

    def __init__(self, path):
        self.path = path
        self.data = bytearray()
        self.fd = None

    def open(self, flags=0):
        self.fd = os.open(f"{directory}/{self.path}", os.O_RDWR | flags, 0o600)

    def written(self, offset, data):
        if len(self.data) < offset:
            self.data += bytes(offset - len(self.data))
        self.data[offset : offset + len(data)] = data

    def write(self):
        length = chooser.randint(1, 64 << 10)
        offset = chooser.randint(0, SIZE_MAX - length)
        data = chooser.randbytes(length)
        assert os.pwrite(self.fd, data, offset) == length
        self.written(offset, data)

    def append(self):
        data = chooser.randbytes(chooser.randint(1, 5000))
        if len(self.data) + len(data) <= SIZE_MAX:
            assert os.pwrite(self.fd, data, len(self.data)) == len(data)
            self.data += data

    def write_direct(self):
        blocks = chooser.randint(1, 16)
        offset = chooser.randrange(SIZE_MAX // BLOCK - blocks) * BLOCK
        pages = mmap.mmap(-1, blocks * BLOCK)
        pages[:] = chooser.randbytes(blocks * BLOCK)
        flags = fcntl.fcntl(self.fd, fcntl.F_GETFL)
        fcntl.fcntl(self.fd, fcntl.F_SETFL, flags | os.O_DIRECT)
        assert os.pwritev(self.fd, [pages], offset) == len(pages)
        fcntl.fcntl(self.fd, fcntl.F_SETFL, flags)
        self.written(offset, pages[:])

    def map(self):
        return mmap.mmap(self.fd, len(self.data), trackfd=False)

    def write_mapping(self, mapping):
        length = chooser.randint(1, min(len(self.data), 64 << 10))
        offset = chooser.randint(0, len(self.data) - length)
        mapping[offset : offset + length] = data = chooser.randbytes(length)
        self.written(offset, data)

    def write_mapped(self):
        if self.data:
            with self.map() as mapping:
                self.write_mapping(mapping)

    def close_mapped(self):
        if self.data:
            with self.map() as mapping:
                self.close()
                self.write_mapping(mapping)

    def truncate(self):
        size = chooser.randint(0, SIZE_MAX)
        os.ftruncate(self.fd, size)
        del self.data[size:]
        self.data += bytes(size - len(self.data))

    def sync(self):
        os.fsync(self.fd)

    def compare(self):
        if os.pread(self.fd, SIZE_MAX + 1, 0) != self.data:
            sys.exit(f"{self.path} has wrong contents")

    def close(self):
        os.close(self.fd)
        self.fd = None

    def rename(self):
        path = random_path()
        os.rename(f"{directory}/{self.path}", f"{directory}/{path}")
        self.path = path


def random_path():
    return f"{chooser.choice('ab')}/{seed}.{chooser.randrange(1 << 30)}"


def create(files):
    file = File(random_path())
    file.open(os.O_CREAT | os.O_EXCL)
    files.append(file)


def delete(files):
    file = chooser.choice(files)
    os.unlink(f"{directory}/{file.path}")
    files.remove(file)
    if file.fd is not None:
        file.compare()
        file.close()


def rest(files):
    """Have no file in use, as some keys shall be removed completely."""
    for file in files:
        if file.fd is not None:
            file.close()
    time.sleep(chooser.random())


def operation(files):
    """Returns something to do, and whether it may fail for want of the key."""
    if chooser.random() < 0.01:
        return rest, files, False
    if not files or (len(files) < FILES and chooser.random() < 0.2):
        return create, files, True
    if chooser.random() < 0.02:
        return delete, files, True
    file = chooser.choice(files)
    if chooser.random() < 0.1:
        return File.rename, file, True
    if file.fd is None:
        return File.open, file, True
    return chooser.choice([
        File.write, File.append, File.append, File.write_direct, File.write_mapped,
        File.truncate, File.sync, File.compare, File.close, File.close_mapped]), file, False


def main():
    files = []
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        function, argument, may_fail = operation(files)
        try:
            function(argument)
            done[function.__name__] += 1
        except OSError as error:
            if not may_fail or error.errno not in WITHOUT_KEY:
                raise
            done[f"{function.__name__} ({errno.errorcode[error.errno]})"] += 1
    for file in files:
        os.makedirs(os.path.dirname(f"{expected}/{file.path}"), exist_ok=True)
        with open(f"{expected}/{file.path}", "wb") as copy:
            copy.write(file.data)
    print(f"writer {seed}:", ", ".join(f"{count} {what}" for what, count in sorted(done.items())))


main()
