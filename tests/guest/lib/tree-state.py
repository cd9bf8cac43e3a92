#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print all that a backup of trees must have.

usage: tree-state.py [--shared] DIRECTORY...

Without --shared, a line for each inode in one directory: its paths, metadata, attributes, and
a checksum of its contents or target.  Inode numbers and the time of status changes are left
out, as are times of the directory itself, where receive makes new files first.  With it,
which blocks of all directories together are one, and which are holes: a line for each range of
a file, with the range that is the first to have these blocks; and at last how many blocks there
are, and how many files have.  Extents that are allocated and not written count as holes, as they
are in a stream.
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
    owners, blocks = {}, 0
    for number, directory in enumerate(directories):
        for path in walk(directory):
            full = os.path.join(directory, path)
            if not stat.S_ISREG(os.lstat(full).st_mode):
                continue
            runs = []
            with open(full, "rb") as file:
                extents = kernel.file_extents(file.fileno())
            for start, length, address, position in extents:
                for block in range(length // BLOCK if address else 0):
                    at = start // BLOCK + block
                    owner = owners.setdefault((address, position // BLOCK + block),
                                              (number, path, at))
                    run = runs[-1] if runs else None
                    if (run and run[0] + run[1] == at and run[2][:2] == owner[:2] and
                            run[2][2] + run[1] == owner[2]):
                        run[1] += 1
                    else:
                        runs.append([at, 1, owner])
            blocks += sum(run[1] for run in runs)
            for at, count, owner in runs:
                own = owner == (number, path, at)
                print(number, ascii(path), at, count, "own" if own else ascii(owner))
    print(len(owners), blocks)


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
