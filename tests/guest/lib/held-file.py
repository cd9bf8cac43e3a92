#!/usr/bin/python3
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

import io_uring


class Mapping:
    def __init__(self, fd, size):
        self.memory = mmap.mmap(fd, size, trackfd=False)

    def write(self, offset, data):
        self.memory[offset : offset + len(data)] = data

    def read(self):
        return self.memory[:]

    def close(self):
        self.memory.close()


class Registered:
    """A file that is known to an io_uring."""

    def __init__(self, fd, size):
        self.size = size
        self.ring = io_uring.Ring()
        self.ring.register_file(fd)

    def transfer(self, operation, offset, buffer):
        self.ring.submit(operation, 0, offset, buffer, io_uring.FIXED_FILE)
        self.ring.wait(len(buffer))

    def write(self, offset, data):
        self.transfer("write", offset, (ctypes.c_char * len(data)).from_buffer_copy(data))

    def read(self):
        buffer = (ctypes.c_char * self.size)()
        self.transfer("read", 0, buffer)
        return buffer.raw

    def close(self):
        # The kernel would do this later than it ends the process.
        self.ring.unregister_file()


def main():
    how, path = sys.argv[1:]
    fd = os.open(path, os.O_RDWR)
    held = {"mapping": Mapping, "io_uring": Registered}[how](fd, os.fstat(fd).st_size)
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
