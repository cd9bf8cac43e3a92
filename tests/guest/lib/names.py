#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Names that btrfs's ioctls make of references.

usage: names.py subvol-info PATH
       names.py lookup PATH DIRECTORY
       names.py lookup-user PATH SUBVOLUME DIRECTORY
       names.py paths PATH INODE

The last arguments are numbers, in the subvolume that PATH is in.  Prints the name or
paths, one a line, or the error, with status 1.
"""
import ctypes
import fcntl
import os
import struct
import sys

import kernel


def text(buffer, at, size):
    return os.fsdecode(bytes(buffer[at:at + size]).split(b"\0")[0])


def subvol_info(fd):
    return [text(kernel.subvolume_info(fd), 8, 256)]


def lookup(fd, directory):
    return [os.fsdecode(kernel.ino_lookup(fd, 0, directory)[1])]


def lookup_user(fd, subvolume, directory):
    found = kernel.ino_lookup_user(fd, directory, subvolume)
    return [text(found, 256, 3824) + text(found, 0, 256)]


def paths(fd, inode):
    found = ctypes.create_string_buffer(4096)
    args = bytearray(struct.pack("=QQ32xQ", inode, len(found), ctypes.addressof(found)))
    fcntl.ioctl(fd, kernel.INO_PATHS, args)
    count, = struct.unpack_from("=I", found, 8)
    return [text(found.raw, 16 + at, 4096) for at in struct.unpack_from(f"={count}Q", found, 16)]


CALLS = {"subvol-info": subvol_info, "lookup": lookup, "lookup-user": lookup_user, "paths": paths}

try:
    file = os.open(sys.argv[2], os.O_RDONLY)
    for name in CALLS[sys.argv[1]](file, *map(int, sys.argv[3:])):
        print(name)
except OSError as error:
    sys.exit(error.strerror)
