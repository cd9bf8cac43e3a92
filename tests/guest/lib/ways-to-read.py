#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Reads a range of a file, which isn't in memory, in all ways; prints what each gets.

usage: ways-to-read.py FILE OFFSET LENGTH

That is the SHA-256 of the data, if only of a part of it, or the name of the error.
"""
import ctypes
import errno
import hashlib
import mmap
import os
import signal
import sys

import io_uring
import kernel

path, offset, length = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])


def all_of(read):
    data = b""
    while len(data) < length and (more := read(offset + len(data), length - len(data))):
        data += more
    return data


def buffered(fd):
    return all_of(lambda at, size: os.pread(fd, size, at))


def after_readahead(fd):
    os.posix_fadvise(fd, offset, length, os.POSIX_FADV_WILLNEED)
    return buffered(fd)


def direct(fd):
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    buffer = mmap.mmap(-1, length)
    # It must be there, or btrfs reads through the page cache.
    buffer[:] = bytes(length)
    return buffer[:os.preadv(fd, [buffer], offset)]


def mapped(fd):
    memory = mmap.mmap(fd, 0, mmap.MAP_SHARED, mmap.PROT_READ)
    return memory[offset:offset + length]


def splice(fd):
    read_end, write_end = os.pipe()

    def piece(at, size):
        return os.read(read_end, os.splice(fd, write_end, min(size, 65536), offset_src=at))
    return all_of(piece)


def sendfile(fd):
    to = os.memfd_create("copy")
    all_of(lambda at, size: bytes(os.sendfile(to, fd, at, size)))
    return os.pread(to, length, 0)


def uring(fd):
    ring = io_uring.Ring()
    buffer = ctypes.create_string_buffer(length)
    ring.submit("read", fd, offset, buffer)
    size = io_uring.check(ring.result())
    return buffer.raw[:size]


def cloned(fd):
    to = os.open(path + " cloned", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        kernel.clone(to, fd)
        return all_of(lambda at, size: os.pread(to, size, at))
    finally:
        os.unlink(path + " cloned")


def copied(fd):
    to = os.open(path + " copied", os.O_RDWR | os.O_CREAT | os.O_TRUNC)
    try:
        all_of(lambda at, size: bytes(os.copy_file_range(fd, to, size, at, at - offset)))
        return os.pread(to, length, 0)
    finally:
        os.unlink(path + " copied")


WAYS = [buffered, after_readahead, direct, mapped, splice, sendfile, uring, cloned, copied]


def result(way):
    """A child, as what is mapped and unreadable is a signal."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if not pid:
        try:
            fd = os.open(path, os.O_RDONLY)
            os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
            text = hashlib.sha256(way(fd)).hexdigest()
        except OSError as error:
            text = errno.errorcode[error.errno]
        os.write(write_end, text.encode())
        os._exit(0)
    os.close(write_end)
    text = os.read(read_end, 100).decode()
    status = os.waitpid(pid, 0)[1]
    os.close(read_end)
    return signal.Signals(os.WTERMSIG(status)).name if os.WIFSIGNALED(status) else text


for way in WAYS:
    print(way.__name__.replace("_", "-"), result(way))
