# SPDX-License-Identifier: GPL-2.0-only
"""The part of small-bios.sh that the writing program does itself."""

import os


def write_in_small_bios(fd, buffer, offset):
    """A direct write that gets no large folios, after fail_large_folios."""
    fail = os.open("/proc/self/make-it-fail", os.O_WRONLY)
    os.pwrite(fail, b"1", 0)
    count = os.pwritev(fd, [buffer], offset)
    os.pwrite(fail, b"0", 0)
    os.close(fail)
    return count
