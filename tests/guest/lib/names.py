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

BTRFS_IOC_INO_LOOKUP = 0xD0009412
BTRFS_IOC_INO_PATHS = 0xC0389423
BTRFS_IOC_GET_SUBVOL_INFO = 0x81F8943C
BTRFS_IOC_INO_LOOKUP_USER = 0xD000943E


def text(buffer, at, size):
    return os.fsdecode(bytes(buffer[at:at + size]).split(b"\0")[0])


def subvol_info(fd):
    info = bytearray(504)
    fcntl.ioctl(fd, BTRFS_IOC_GET_SUBVOL_INFO, info)
    return [text(info, 8, 256)]


def lookup(fd, directory):
    args = bytearray(struct.pack("=QQ4080x", 0, directory))
    fcntl.ioctl(fd, BTRFS_IOC_INO_LOOKUP, args)
    return [text(args, 16, 4080)]


def lookup_user(fd, subvolume, directory):
    args = bytearray(struct.pack("=QQ4080x", directory, subvolume))
    fcntl.ioctl(fd, BTRFS_IOC_INO_LOOKUP_USER, args)
    return [text(args, 272, 3824) + text(args, 16, 256)]


def paths(fd, inode):
    found = ctypes.create_string_buffer(4096)
    args = bytearray(struct.pack("=QQ32xQ", inode, len(found), ctypes.addressof(found)))
    fcntl.ioctl(fd, BTRFS_IOC_INO_PATHS, args)
    count, = struct.unpack_from("=I", found, 8)
    return [text(found.raw, 16 + at, 4096) for at in struct.unpack_from(f"={count}Q", found, 16)]


CALLS = {"subvol-info": subvol_info, "lookup": lookup, "lookup-user": lookup_user, "paths": paths}

try:
    file = os.open(sys.argv[2], os.O_RDONLY)
    for name in CALLS[sys.argv[1]](file, *map(int, sys.argv[3:])):
        print(name)
except OSError as error:
    sys.exit(error.strerror)
