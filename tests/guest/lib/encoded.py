# SPDX-License-Identifier: GPL-2.0-only
"""Encoded I/O, by ioctl or io_uring."""
import ctypes
import fcntl
import struct
from collections import namedtuple

import kernel

NONE, ZLIB, ZSTD, LZO_4K = range(4)
"""BTRFS_ENCODED_IO_COMPRESSION_*"""
BUFFER_SIZE = 128 << 10

# Of struct btrfs_ioctl_encoded_io_args, but for the buffer
Extent = namedtuple("Extent", "offset flags length unencoded_length unencoded_offset "
                    "compression encryption")
FORMAT = "=QQqQQQQII64x"


def _request(fd, command, buffer, extent, ring):
    """Returns the result and the extent as it is afterwards."""
    iovec = ctypes.create_string_buffer(struct.pack("=QQ", ctypes.addressof(buffer), len(buffer)))
    argument = ctypes.create_string_buffer(
        struct.pack(FORMAT, ctypes.addressof(iovec), 1, *extent), struct.calcsize(FORMAT))
    if ring:
        ring.submit_command(command, fd, ctypes.addressof(argument))
        result = ring.result()
    else:
        result = fcntl.ioctl(fd, command, argument)
    return result, Extent(*struct.unpack(FORMAT, argument)[2:])


def read(fd, offset, ring=None, size=BUFFER_SIZE):
    """Returns the data and an Extent."""
    buffer = ctypes.create_string_buffer(size)
    count, extent = _request(fd, kernel.ENCODED_READ, buffer, Extent(offset, 0, 0, 0, 0, 0, 0), ring)
    return buffer.raw[:count], extent


def write(fd, data, extent, ring=None):
    buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
    return _request(fd, kernel.ENCODED_WRITE, buffer, extent, ring)[0]
