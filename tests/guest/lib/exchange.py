#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Exchange two files, as renameat2() can and mv can't.

usage: exchange.py PATH PATH
"""
import sys

import kernel

try:
    kernel.renameat2(sys.argv[1], sys.argv[2], kernel.RENAME_EXCHANGE)
except OSError as error:
    sys.exit(error.strerror)
