#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Prints the paths in a send stream, which may end in the middle: usage: send-paths.py FILE"""
import struct
import sys

PATHS = 15, 16, 17, 22  # BTRFS_SEND_A_PATH, _PATH_TO, _PATH_LINK, _CLONE_PATH

with open(sys.argv[1], "rb") as file:
    stream = file.read()[17:]
while len(stream) >= 10:
    size, _, _ = struct.unpack_from("<IHI", stream)
    attributes, stream = stream[10:10 + size], stream[10 + size:]
    while len(attributes) >= 4:
        kind, size = struct.unpack_from("<HH", attributes)
        if kind in PATHS:
            print(ascii(attributes[4:4 + size])[2:-1])
        attributes = attributes[4 + size:]
