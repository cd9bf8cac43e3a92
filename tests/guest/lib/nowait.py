#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Read and write without waiting for ciphers.

usage: nowait.py FILE submit|now

The file has preallocated blocks and blocks with data, 16 each.  submit: make a write to the
former and a read of the latter with an io_uring, while others have the ciphers; print what
was done when, and wait for them.  now: the same with RWF_NOWAIT, and compare.
"""
import ctypes
import mmap
import os
import sys

import io_uring

BLOCK, BLOCKS = 4096, 16


def buffer_of(memory):
    return (ctypes.c_char * BLOCK).from_buffer(memory)


def submit(file):
    data, memory = mmap.mmap(-1, BLOCK), mmap.mmap(-1, BLOCK)
    data[:] = b"submitted" + bytes(BLOCK - 9)
    memory[:] = bytes(BLOCK)
    rings = io_uring.Ring(), io_uring.Ring()
    rings[0].submit("write", file, 0, buffer_of(data))
    rings[1].submit("read", file, BLOCK * BLOCKS, buffer_of(memory))
    # Else io_uring's own workers do it, which may wait.
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/comm") as comm:
            if comm.read().startswith("iou-wrk"):
                sys.exit("a worker of io_uring was needed")
    print("submitted", flush=True)
    for ring in rings:
        ring.wait(BLOCK)
    print("ended", flush=True)


def now(file):
    data = mmap.mmap(-1, BLOCK)
    for number in range(1, BLOCKS):
        data[:] = b"now" + bytes([number]) * (BLOCK - 3)
        assert os.pwritev(file, [data], BLOCK * number, os.RWF_NOWAIT) == BLOCK
    for number in range(1, BLOCKS):
        data[:] = bytes(BLOCK)
        assert os.preadv(file, [data], BLOCK * number, os.RWF_NOWAIT) == BLOCK
        assert data[:] == b"now" + bytes([number]) * (BLOCK - 3)
    # There is no block to be overwritten.
    try:
        os.pwritev(file, [data], 2 * BLOCK * BLOCKS, os.RWF_NOWAIT)
        sys.exit("a new extent was allocated without waiting")
    except BlockingIOError:
        pass


def main():
    path, what = sys.argv[1:]
    {"submit": submit, "now": now}[what](os.open(path, os.O_RDWR | os.O_DIRECT))


if __name__ == "__main__":
    main()
