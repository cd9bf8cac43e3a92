#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Exchange two files, as renameat2() can and mv can't.

usage: exchange.py PATH PATH
"""
import ctypes
import os
import sys

AT_FDCWD = -100
RENAME_EXCHANGE = 2

libc = ctypes.CDLL(None, use_errno=True)
if libc.renameat2(AT_FDCWD, os.fsencode(sys.argv[1]), AT_FDCWD, os.fsencode(sys.argv[2]),
                  RENAME_EXCHANGE):
    sys.exit(os.strerror(ctypes.get_errno()))
