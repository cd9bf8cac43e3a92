#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Call an ioctl that removes a key, and print the error's name or the status flags.

usage: remove-key-ioctl.py DIRECTORY one|all IDENTIFIER|bad-pointer|bad-type|reserved
"""
import ctypes
import errno
import os
import struct
import sys

import kernel

REQUESTS = {"one": kernel.REMOVE_KEY, "all": kernel.REMOVE_KEY_ALL_USERS}
IDENTIFIER_TYPE = 2


def argument(what):
    """struct fscrypt_remove_key_arg"""
    kind, reserved, identifier = IDENTIFIER_TYPE, 0, bytes(16)
    if what == "bad-type":
        kind = 7
    elif what == "reserved":
        reserved = 1
    else:
        identifier = bytes.fromhex(what)
    return bytearray(struct.pack("<II32sIIIIII", kind, 0, identifier, 0, reserved, 0, 0, 0, 0))


def main():
    path, request, what = sys.argv[1:]
    libc = ctypes.CDLL(None, use_errno=True)
    fd = os.open(path, os.O_RDONLY)
    if what == "bad-pointer":
        buffer = pointer = None
    else:
        buffer = argument(what)
        pointer = (ctypes.c_char * len(buffer)).from_buffer(buffer)
    if libc.ioctl(fd, ctypes.c_ulong(REQUESTS[request]), pointer) < 0:
        print(errno.errorcode[ctypes.get_errno()])
    else:
        print("flags", struct.unpack_from("<I", buffer, 40)[0])


if __name__ == "__main__":
    main()
