#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a request of an io_uring, close the file, and wait for the request.

usage: uring-request.py read|write direct|buffered FILE OFFSET DATA

DATA is a file with what shall be written, or with what must be read.
"""
import ctypes
import mmap
import os
import sys

import io_uring


def main():
    operation, how, path, offset, data_path = sys.argv[1:]
    with open(data_path, "rb") as file:
        data = file.read()
    # Direct I/O needs whole pages, and btrfs reads through the page cache if they
    # aren't in memory yet.
    memory = mmap.mmap(-1, len(data))
    memory[:] = data if operation == "write" else bytes(len(data))
    buffer = (ctypes.c_char * len(data)).from_buffer(memory)
    ring = io_uring.Ring()
    fd = os.open(path, os.O_RDWR | (os.O_DIRECT if how == "direct" else 0))
    ring.submit(operation, fd, int(offset), buffer)
    os.close(fd)
    ring.wait(len(data))
    if memory[:] != data:
        sys.exit(f"not what is in {data_path} was read")


if __name__ == "__main__":
    main()
