#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print the manifest of a mounted btrfs, or of parts of it, for extent-oracle.

usage: manifest.py MOUNT [DIRECTORY...]

MOUNT is where the top-level subvolume is mounted; DIRECTORYs are below it.
The format is described in src/manifest.rs.
"""
import hashlib
import os
import stat
import sys

LETTERS = {
    stat.S_IFREG: "f",
    stat.S_IFDIR: "d",
    stat.S_IFLNK: "l",
    stat.S_IFBLK: "b",
    stat.S_IFCHR: "c",
    stat.S_IFIFO: "p",
    stat.S_IFSOCK: "s",
}


def escape(path):
    return "".join(
        chr(b) if 0x21 <= b <= 0x7E and b != 0x5C else f"\\x{b:02x}" for b in path
    )


def summarize(path, mode):
    if stat.S_ISREG(mode):
        sha256 = hashlib.sha256()
        size = 0
        with open(path, "rb", buffering=0) as file:
            while data := file.read(1 << 20):
                sha256.update(data)
                size += len(data)
        return size, sha256.hexdigest()
    if stat.S_ISLNK(mode):
        target = os.readlink(path)
        return len(target), hashlib.sha256(target).hexdigest()
    return 0, "-"


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    mount = os.path.realpath(os.fsencode(sys.argv[1]))
    todo = [os.path.realpath(os.fsencode(d)) for d in sys.argv[2:]] or [mount]
    while todo:
        path = todo.pop()
        mode = os.lstat(path).st_mode
        size, digest = summarize(path, mode)
        letter = LETTERS[stat.S_IFMT(mode)]
        name = b"/" if path == mount else b"/" + os.path.relpath(path, mount)
        print(letter, size, digest, escape(name))
        if stat.S_ISDIR(mode):
            todo += [entry.path for entry in os.scandir(path)]


if __name__ == "__main__":
    main()
