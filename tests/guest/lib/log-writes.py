#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Make a disk what it was after a certain flush, from the log of dm-log-writes.

usage: log-writes.py LOG                print the number of flushes
       log-writes.py LOG DISK FLUSHES   replay up to this flush, and print the
                                        marks that were made before it

The format is that of drivers/md/dm-log-writes.c: an entry in a sector of its own,
then its data.
"""
import os
import struct
import sys

SUPER = struct.Struct("<QQQL")
MAGIC = 0x6A736677736872
ENTRY = struct.Struct("<QQQQ")
FLUSH, FUA, DISCARD, MARK = 1, 2, 4, 8


def entries(log):
    """Yields flags, sector size, sector, and where the data is and its length."""
    magic, _, count, sector_size = SUPER.unpack(os.pread(log, SUPER.size, 0))
    if magic != MAGIC:
        sys.exit("that is not a log of dm-log-writes")
    at = sector_size
    for _ in range(count):
        sector, sectors, flags, data_len = ENTRY.unpack(os.pread(log, ENTRY.size, at))
        if flags & MARK:
            yield flags, 0, at + ENTRY.size, data_len
            at += sector_size
            continue
        at += sector_size
        yield flags, sector * sector_size, at, sectors * sector_size
        if not flags & DISCARD:
            at += sectors * sector_size


def main():
    log = os.open(sys.argv[1], os.O_RDONLY)
    if len(sys.argv) == 2:
        print(sum(bool(flags & (FLUSH | FUA)) for flags, *_ in entries(log)))
        return
    disk = os.open(sys.argv[2], os.O_RDWR)
    size = os.fstat(disk).st_size
    os.ftruncate(disk, 0)
    os.ftruncate(disk, size)
    left = int(sys.argv[3])
    for flags, where, at, length in entries(log):
        if flags & MARK:
            print(os.pread(log, length, at).rstrip(b"\0").decode())
        elif flags & DISCARD:
            os.pwrite(disk, bytes(length), where)
        elif length:
            os.pwrite(disk, os.pread(log, length, at), where)
        left -= bool(flags & (FLUSH | FUA))
        if not left:
            break


if __name__ == "__main__":
    main()
