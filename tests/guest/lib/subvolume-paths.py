#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Paths of subvolumes, as btrfs-progs' libraries tell.

usage: subvolume-paths.py LIBRARIES MOUNTPOINT

LIBRARIES is the directory of libbtrfsutil.so.1 and libbtrfs.so.0.  Prints ID PATH for each
subvolume, or exits with status 1 if the libraries' functions disagree.
"""
import ctypes
import os
import sys

FS_TREE = 5


def main():
    libraries, mountpoint = sys.argv[1:]
    util = ctypes.CDLL(f"{libraries}/libbtrfsutil.so.1", use_errno=True)
    old = ctypes.CDLL(f"{libraries}/libbtrfs.so.0", use_errno=True)
    util.btrfs_util_strerror.restype = ctypes.c_char_p

    def check(error):
        if error:
            sys.exit(f"libbtrfsutil: {util.btrfs_util_strerror(error).decode()}: "
                     f"{os.strerror(ctypes.get_errno())}")

    file = os.open(mountpoint, os.O_RDONLY)
    iterator, path, number = ctypes.c_void_p(), ctypes.c_char_p(), ctypes.c_uint64()
    check(util.btrfs_util_create_subvolume_iterator(
        mountpoint.encode(), ctypes.c_uint64(FS_TREE), 0, ctypes.byref(iterator)))
    while True:
        error = util.btrfs_util_subvolume_iterator_next(
            iterator, ctypes.byref(path), ctypes.byref(number))
        if error == 1:
            # BTRFS_UTIL_ERROR_STOP_ITERATION
            break
        check(error)
        found = [path.value]
        check(util.btrfs_util_subvolume_path_fd(file, number, ctypes.byref(path)))
        found.append(path.value)
        buffer = ctypes.create_string_buffer(4096)
        if old.btrfs_subvolid_resolve(file, buffer, ctypes.c_size_t(len(buffer)), number):
            sys.exit("libbtrfs failed")
        found.append(buffer.value)
        if len(set(found)) > 1:
            sys.exit(f"subvolume {number.value} has different paths: {found}")
        print(number.value, os.fsdecode(found[0]))


main()
