#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Send a subvolume, as btrfs send does, but for what it has not yet read from its pipe when the
kernel gives up.

usage: send-to-file.py FILE [--no-data] [--compressed-data] [-p PARENT] [-c SOURCE] SUBVOLUME
"""
import argparse
import os
import sys

import kernel


def tree_of(path):
    return kernel.ino_lookup(os.open(path, os.O_RDONLY), 0, 256)[0]


parser = argparse.ArgumentParser()
parser.add_argument("file")
parser.add_argument("--no-data", action="store_true")
parser.add_argument("--compressed-data", action="store_true")
parser.add_argument("-p", metavar="PARENT")
parser.add_argument("-c", metavar="SOURCE")
parser.add_argument("subvolume")
arguments = parser.parse_args()
parent = tree_of(arguments.p) if arguments.p else 0
sources = [tree_of(path) for path in (arguments.p, arguments.c) if path]
flags = (kernel.SEND_FLAG_NO_FILE_DATA * arguments.no_data |
         kernel.SEND_FLAG_COMPRESSED * arguments.compressed_data)
try:
    kernel.send(os.open(arguments.subvolume, os.O_RDONLY),
                os.open(arguments.file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), flags, parent,
                sources)
except OSError as error:
    sys.exit(error.strerror)
