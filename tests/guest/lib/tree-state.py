#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print all that a backup of trees must have.

usage: tree-state.py [--shared] DIRECTORY...

Without --shared, a line for each inode in one directory: its paths, metadata, attributes, and
a checksum of its contents or target.  Inode numbers and the time of status changes are left
out, as are times of the directory itself, where receive makes new files first.  With it,
which ranges of files are no holes, and in the last line how many blocks all directories together
have, and how many their files, which is more if they share some.  Extents that are allocated and
not written count as holes, as they are in a stream, and so do zeroes: whether a receiver gets
those of such an extent depends on what send finds to clone them from.
"""
import hashlib
import os
import stat
import sys

import kernel

BLOCK = 4096


def walk(directory):
    """All paths in it, from it, in a fixed order."""
    yield b"."
    todo = [b"."]
    while todo:
        at = todo.pop()
        for name in sorted(os.listdir(os.path.join(directory, at))):
            path = os.path.join(at, name)
            yield path
            full = os.path.join(directory, path)
            if stat.S_ISDIR(os.lstat(full).st_mode):
                todo.append(path)


def contents(path, mode):
    if stat.S_ISREG(mode):
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if stat.S_ISLNK(mode):
        return ascii(os.readlink(path))
    return "-"


def attributes(path):
    return [(name, hashlib.sha256(os.getxattr(path, name, follow_symlinks=False)).hexdigest())
            for name in sorted(os.listxattr(path, follow_symlinks=False))]


def print_state(directory):
    first = {}
    for path in walk(directory):
        full = os.path.join(directory, path)
        status = os.lstat(full)
        original = first.setdefault(status.st_ino, path)
        if original != path:
            print(ascii(path), "is", ascii(original))
            continue
        print(ascii(path), oct(status.st_mode), status.st_uid, status.st_gid, status.st_nlink,
              "-" if stat.S_ISDIR(status.st_mode) else status.st_size, status.st_rdev,
              "-" if path == b"." else status.st_mtime_ns,
              attributes(full), contents(full, status.st_mode))


def print_shared(directories):
    blocks, all_blocks = set(), 0
    for number, directory in enumerate(directories):
        for path in walk(directory):
            full = os.path.join(directory, path)
            if not stat.S_ISREG(os.lstat(full).st_mode):
                continue
            ranges = []
            with open(full, "rb") as file:
                data = file.read()
                extents = kernel.file_extents(file.fileno())
            for start, length, address, position in extents:
                if not address:
                    continue
                blocks.update((address, position + at) for at in range(0, length, BLOCK))
                all_blocks += length // BLOCK
                for at in range(start, start + length, BLOCK):
                    if not any(data[at:at + BLOCK]):
                        continue
                    if not ranges or ranges[-1][1] != at:
                        ranges.append([at, at])
                    ranges[-1][1] += BLOCK
            print(number, ascii(path), ranges)
    print(len(blocks), all_blocks)


def main():
    arguments = sys.argv[1:]
    if len(arguments) > 1 and arguments[0] == "--shared":
        print_shared([os.fsencode(argument) for argument in arguments[1:]])
    elif len(arguments) == 1:
        print_state(os.fsencode(arguments[0]))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
