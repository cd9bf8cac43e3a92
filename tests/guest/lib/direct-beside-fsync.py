#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes to a file directly, all at once, calls fsync meanwhile, and again when all is written.

usage: direct-beside-fsync.py write|check FILE

check fails unless all of that is in the file.
"""
import ctypes
import mmap
import os
import sys

import io_uring

WRITES = 24
SIZE = 256 << 10


def data(number):
    return bytes([number + 1]) * SIZE


def write(path):
    fd = os.open(path, os.O_RDWR | os.O_DIRECT)
    rings = [io_uring.Ring() for _ in range(WRITES)]
    buffers = []
    for number in range(WRITES):
        memory = mmap.mmap(-1, SIZE)
        memory[:] = data(number)
        buffers.append((ctypes.c_char * SIZE).from_buffer(memory))
    for number, ring in enumerate(rings):
        ring.submit("write", fd, number * SIZE, buffers[number])
    os.fsync(fd)
    for ring in rings:
        ring.wait(SIZE)
    os.fsync(fd)


def check(path):
    with open(path, "rb") as file:
        for number in range(WRITES):
            if file.read(SIZE) != data(number):
                sys.exit(f"write {number} isn't there, though it was synced")


{"write": write, "check": check}[sys.argv[1]](sys.argv[2])
