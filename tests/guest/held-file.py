# SPDX-License-Identifier: GPL-2.0-only
"""Hold a file without a file descriptor, and do with it what standard input says.

usage: held-file.py mapping|io_uring FILE

write OFFSET LENGTH VALUE	fill that part with bytes of this value
compare OTHER			end with an error unless both files are alike

After each, and when the descriptor is closed, prints "done".
"""
import ctypes
import mmap
import os
import sys

IOSQE_FIXED_FILE = 1


class Mapping:
    def __init__(self, fd, size):
        self.memory = mmap.mmap(fd, size, trackfd=False)

    def write(self, offset, data):
        self.memory[offset : offset + len(data)] = data

    def read(self):
        return self.memory[:]

    def close(self):
        self.memory.close()


class Ring:
    """An io_uring with the file registered in it."""

    def __init__(self, fd, size):
        self.size = size
        self.library = ctypes.CDLL("liburing-ffi.so.2")
        self.library.io_uring_get_sqe.restype = ctypes.c_void_p
        # At least as large as struct io_uring.
        self.ring = ctypes.create_string_buffer(1024)
        self.check(self.library.io_uring_queue_init(1, self.ring, 0))
        self.check(self.library.io_uring_register_files(
            self.ring, ctypes.byref(ctypes.c_int(fd)), 1))

    @staticmethod
    def check(result):
        if result < 0:
            raise OSError(-result, os.strerror(-result))
        return result

    def transfer(self, prepare, offset, buffer):
        sqe = ctypes.c_void_p(self.library.io_uring_get_sqe(self.ring))
        prepare(sqe, 0, buffer, len(buffer), ctypes.c_uint64(offset))
        self.library.io_uring_sqe_set_flags(sqe, IOSQE_FIXED_FILE)
        self.check(self.library.io_uring_submit(self.ring))
        cqe = ctypes.c_void_p()
        self.check(self.library.io_uring_wait_cqe(self.ring, ctypes.byref(cqe)))
        # struct io_uring_cqe: user_data, res
        result = ctypes.c_int.from_address(cqe.value + 8).value
        self.library.io_uring_cqe_seen(self.ring, cqe)
        if self.check(result) != len(buffer):
            sys.exit(f"{result} of {len(buffer)} bytes")

    def write(self, offset, data):
        buffer = (ctypes.c_char * len(data)).from_buffer_copy(data)
        self.transfer(self.library.io_uring_prep_write, offset, buffer)

    def read(self):
        buffer = (ctypes.c_char * self.size)()
        self.transfer(self.library.io_uring_prep_read, 0, buffer)
        return buffer.raw

    def close(self):
        # The kernel would do this later than it ends the process.
        self.check(self.library.io_uring_unregister_files(self.ring))


def main():
    how, path = sys.argv[1:]
    fd = os.open(path, os.O_RDWR)
    held = {"mapping": Mapping, "io_uring": Ring}[how](fd, os.fstat(fd).st_size)
    os.close(fd)
    print("done", flush=True)
    for line in sys.stdin:
        command, *arguments = line.split()
        if command == "write":
            offset, length, value = map(int, arguments)
            held.write(offset, bytes([value]) * length)
        else:
            with open(arguments[0], "rb") as file:
                if file.read() != held.read():
                    sys.exit(f"the {how} and {arguments[0]} differ")
        print("done", flush=True)
    held.close()


if __name__ == "__main__":
    main()
