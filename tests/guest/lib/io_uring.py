# SPDX-License-Identifier: GPL-2.0-only
"""What the tests need of liburing."""
import ctypes
import os
import struct

IORING_OP_URING_CMD = 46
FIXED_FILE = 1
"""IOSQE_FIXED_FILE: the file descriptor is an index of the registered files."""


def check(result):
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


class Ring:
    """An io_uring of one request at a time."""

    def __init__(self):
        self.library = ctypes.CDLL("liburing-ffi.so.2")
        self.library.io_uring_get_sqe.restype = ctypes.c_void_p
        # At least as large as struct io_uring.
        self.ring = ctypes.create_string_buffer(1024)
        check(self.library.io_uring_queue_init(1, self.ring, 0))

    def register_file(self, fd):
        check(self.library.io_uring_register_files(self.ring, ctypes.byref(ctypes.c_int(fd)), 1))

    def unregister_file(self):
        check(self.library.io_uring_unregister_files(self.ring))

    def submit(self, operation, fd, offset, buffer, flags=0):
        """Begin to read to or write from a buffer of ctypes."""
        prepare = {"read": self.library.io_uring_prep_read,
                   "write": self.library.io_uring_prep_write}[operation]
        sqe = ctypes.c_void_p(self.library.io_uring_get_sqe(self.ring))
        prepare(sqe, fd, buffer, len(buffer), ctypes.c_uint64(offset))
        self.library.io_uring_sqe_set_flags(sqe, flags)
        check(self.library.io_uring_submit(self.ring))

    def submit_command(self, command, fd, address):
        """Begin an ioctl whose argument is at that address."""
        sqe = self.library.io_uring_get_sqe(self.ring)
        # struct io_uring_sqe: opcode, flags, ioprio, fd, cmd_op, padding, addr
        ctypes.memmove(sqe, struct.pack("=BBHiIIQ40x", IORING_OP_URING_CMD, 0, 0, fd, command,
                                        0, address), 64)
        check(self.library.io_uring_submit(self.ring))

    def wait(self, length):
        """Wait for the request, which must have done so many bytes."""
        result = self.result()
        if result != length:
            raise OSError(f"{result} of {length} bytes")

    def result(self):
        """Wait for the request, and return what it does."""
        cqe = ctypes.c_void_p()
        check(self.library.io_uring_wait_cqe(self.ring, ctypes.byref(cqe)))
        # struct io_uring_cqe: user_data, res
        result = ctypes.c_int.from_address(cqe.value + 8).value
        self.library.io_uring_cqe_seen(self.ring, cqe)
        return check(result)
