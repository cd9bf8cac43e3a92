#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Add a key and print its identifier or descriptor; leave no copy in memory.

usage: add-wiped-key.py KEYFILE MOUNT [DESCRIPTOR]

KEYFILE has the complement of the key, so that reading it leaves nothing either.
The key's only copy is wiped when standard input ends.
"""
import ctypes
import mmap
import os
import struct
import sys

import kernel

DESCRIPTOR, IDENTIFIER = 1, 2
# struct fscrypt_add_key_arg
SPEC_AT, RAW_SIZE_AT, RAW_AT = 8, 40, 80


def main():
    key_path, mount, *descriptor = sys.argv[1:]
    with open(key_path, "rb") as file:
        complement = file.read()
    argument = mmap.mmap(-1, mmap.PAGESIZE)
    struct.pack_into("I", argument, 0, DESCRIPTOR if descriptor else IDENTIFIER)
    size = 8 if descriptor else 16
    if descriptor:
        argument[SPEC_AT : SPEC_AT + size] = bytes.fromhex(descriptor[0])
    struct.pack_into("I", argument, RAW_SIZE_AT, len(complement))
    for i, byte in enumerate(complement):
        argument[RAW_AT + i] = byte ^ 0xFF
    # fcntl.ioctl() would copy it.
    libc = ctypes.CDLL(None, use_errno=True)
    address = ctypes.addressof(ctypes.c_char.from_buffer(argument))
    if libc.ioctl(os.open(mount, os.O_RDONLY), ctypes.c_ulong(kernel.ADD_KEY),
                  ctypes.c_void_p(address)):
        sys.exit(os.strerror(ctypes.get_errno()))
    print(argument[SPEC_AT : SPEC_AT + size].hex(), flush=True)
    sys.stdin.read()
    ctypes.memset(address, 0, mmap.PAGESIZE)


if __name__ == "__main__":
    main()
