#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Write to a file from many pages that aren't adjacent in memory.

usage: scattered-write.py write|check FILE OFFSET PAGES

One direct pwritev() of PAGES pages, which is more than what a bio can have if
there are over 256; then fsync, and read the data back through the open file,
directly and buffered.  "check" only reads.  The data is always the same.
"""
import mmap
import os
import random
import sys

PAGE = 4096


def compare(fd, offset, data, how):
    buffer = mmap.mmap(-1, len(data))
    count = os.preadv(fd, [buffer], offset)
    if count != len(data):
        sys.exit(f"{how} read got {count} of {len(data)} bytes")
    for at in range(0, len(data), PAGE):
        if buffer[at : at + PAGE] != data[at : at + PAGE]:
            sys.exit(f"{how} read got wrong data at {offset + at}")
    print(f"{how} read of {len(data)} bytes at {offset}: right")


def main():
    action, path, offset, pages = sys.argv[1:]
    offset, pages = int(offset), int(pages)
    data = random.Random(offset).randbytes(pages * PAGE)
    direct = os.open(path, os.O_RDWR | os.O_DIRECT)
    buffered = os.open(path, os.O_RDONLY)
    if action == "write":
        # Only every other page of it is used.
        memory = memoryview(mmap.mmap(-1, 2 * len(data)))
        parts = [memory[at : at + PAGE] for at in range(0, len(memory), 2 * PAGE)]
        for i, part in enumerate(parts):
            part[:] = data[i * PAGE : (i + 1) * PAGE]
        count = os.pwritev(direct, parts, offset)
        if count != len(data):
            sys.exit(f"wrote {count} of {len(data)} bytes")
        os.fsync(direct)
    compare(direct, offset, data, "direct")
    compare(buffered, offset, data, "buffered")


if __name__ == "__main__":
    main()
