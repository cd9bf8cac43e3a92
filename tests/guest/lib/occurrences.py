#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print how often a text occurs in files, which may be large and sparse, or in disks.

usage: occurrences.py TEXT FILE...

The first places of each file are printed to standard error.
"""
import os
import stat
import sys

CHUNK = 16 << 20
PLACES_SHOWN = 10


def data_ranges(fd):
    """Where a file isn't sparse; all of a disk."""
    end = os.lseek(fd, 0, os.SEEK_END)
    if stat.S_ISBLK(os.fstat(fd).st_mode):
        yield 0, end
        return
    at = 0
    while at < end:
        try:
            start = os.lseek(fd, at, os.SEEK_DATA)
        except OSError:
            return
        at = os.lseek(fd, start, os.SEEK_HOLE)
        yield start, at


def count(path, text):
    fd = os.open(path, os.O_RDONLY)
    found = 0
    for start, end in data_ranges(fd):
        # What the end of a chunk may have of an occurrence, but not all of it.
        rest = b""
        for at in range(start, end, CHUNK):
            data = rest + os.pread(fd, min(CHUNK, end - at), at)
            place = data.find(text)
            while place >= 0:
                found += 1
                if found <= PLACES_SHOWN:
                    print(f"{path}: byte {at - len(rest) + place}", file=sys.stderr)
                place = data.find(text, place + len(text))
            rest = data[len(data) - len(text) + 1 :]
    os.close(fd)
    return found


if __name__ == "__main__":
    print(sum(count(path, os.fsencode(sys.argv[1])) for path in sys.argv[2:]))
