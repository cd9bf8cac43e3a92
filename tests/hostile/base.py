# SPDX-License-Identifier: GPL-2.0-only
"""Makes the images that are then changed: with every kind of item that encryption
adds or changes, in the same way each time."""

import hashlib
import os
import socket
import stat
import subprocess

import kernel

SIZE = 192 << 20
KEYS = {name: hashlib.sha512(name.encode()).digest() for name in ("there", "missing", "old")}

# What must not be anywhere in the clear: in each name in an encrypted directory, and in
# each block of an encrypted file.
NAME = "SecretName"
CONTENTS = b"SecretContents"
LINE = CONTENTS + b", and so on. "


def text(length, number=0):
    """Contents of a file: a mark in each block, no two blocks alike."""
    blocks = []
    for block in range((length + 4095) // 4096):
        start = b"%s %d block %d " % (CONTENTS, number, block)
        blocks.append((start + LINE * 152)[:4096])
    return b"".join(blocks)[:length]


def write(path, data, offset=0, flags=0):
    fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o644)
    os.pwrite(fd, data, offset)
    os.fsync(fd)
    os.close(fd)


def fill(directory, name, full):
    """A file of each kind; full: more of them."""
    def path(what):
        return os.path.join(directory, name + what)

    write(path("regular"), text(12000, 1))
    os.setxattr(path("regular"), "user.note", b"an attribute")
    write(path("small"), text(100, 2))
    os.symlink("a/" + name, path("link"))
    os.mkdir(path("directory"))
    write(os.path.join(path("directory"), name + "below"), text(5000, 3))
    write(path("source"), text(65536, 4))
    for what in "clone", "part":
        fd = os.open(path(what), os.O_RDWR | os.O_CREAT, 0o644)
        source = os.open(path("source"), os.O_RDONLY)
        if what == "clone":
            kernel.clone(fd, source)
        else:
            kernel.clone_range(fd, source, 16384, 16384, 0)
        os.close(source)
        os.close(fd)
    fd = os.open(path("preallocated"), os.O_RDWR | os.O_CREAT, 0o644)
    os.posix_fallocate(fd, 0, 65536)
    os.pwrite(fd, text(8192, 5), 16384)
    os.fsync(fd)
    os.close(fd)
    fd = os.open(path("compressed"), os.O_RDWR | os.O_CREAT, 0o644)
    os.setxattr(path("compressed"), "btrfs.compression", b"zstd")
    os.pwrite(fd, text(100000, 6), 0)
    os.fsync(fd)
    os.close(fd)
    if not full:
        return
    os.setxattr(directory, "user.note", b"an attribute of a directory")
    write(path("holes"), text(4096, 7))
    write(path("holes"), text(4096, 8), 32768)
    write(path("overwritten"), text(65536, 9))
    write(path("overwritten"), text(4096, 10), 20480)
    write(path("truncated"), text(65536, 11))
    os.truncate(path("truncated"), 30000)
    os.symlink(name * 30, path("long link"))
    os.mkfifo(path("fifo"))
    os.mknod(path("device"), stat.S_IFCHR | 0o600, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(path("socket"))
    # More names than fit into one INODE_REF.
    os.mkdir(path("links"))
    for number in range(20):
        os.link(path("small"), f"{path('links')}/{name}{number:0240}")


def open_directory(path):
    return os.open(path, os.O_RDONLY | os.O_DIRECTORY)


def in_directory(path, function, *arguments):
    fd = open_directory(path)
    try:
        return function(fd, *arguments)
    finally:
        os.close(fd)


def add_keys(root, names):
    """Returns the keys' names on disk."""
    return {name: in_directory(root, kernel.add_key, KEYS[name],
                               kernel.V1_DESCRIPTOR if name == "old" else b"")
            for name in names}


def populate(root, names, authenticated):
    """Returns the names on disk of the keys; without keys, all is plain.  With v2 policies,
    contents may be authenticated.
    """
    def make_directory(path, key):
        os.mkdir(path)
        if key:
            in_directory(path, kernel.set_policy, key, authenticated)

    keys = add_keys(root, names)
    # A leaf between the root directory, which a mount needs, and the others.
    write(f"{root}/filler", b"public")
    os.setxattr(f"{root}/filler", "user.filler", b"x" * 3500)
    write(f"{root}/file", text(8192, 12).replace(CONTENTS, b"PublicContents"))
    make_directory(f"{root}/top", keys.get("there"))
    fill(f"{root}/top", NAME, False)
    in_directory(root, kernel.create_subvolume, "sub")
    for name, full in ("there", True), ("missing", False), ("old", False):
        make_directory(f"{root}/sub/{name}", keys.get(name))
        fill(f"{root}/sub/{name}", NAME, full)
    os.mkdir(f"{root}/sub/plain")
    fill_plain(f"{root}/sub/plain")
    for parent in f"{root}/sub/there", f"{root}/sub/plain":
        name = (NAME if parent.endswith("there") else "") + "inner"
        in_directory(parent, kernel.create_subvolume, name)
        write(f"{parent}/{name}/{name}file", text(8192, 13)
              if name.startswith(NAME) else b"public " * 1000)
        fd = open_directory(f"{parent}/{name}")
        in_directory(parent, kernel.snapshot, name + "snapshot", fd)
        os.close(fd)
    fd = open_directory(f"{root}/sub")
    in_directory(root, kernel.snapshot, "snapshot", fd)
    os.close(fd)
    # Then something is shared with the snapshot and something isn't.
    write(f"{root}/sub/there/{NAME}regular", text(4096, 14), 4096)
    return keys


def fill_plain(directory):
    write(f"{directory}/regular", b"public " * 2000)
    write(f"{directory}/small", b"public")
    write(f"{directory}/preallocated", b"public " * 1000, 8192)
    os.posix_fallocate(fd := os.open(f"{directory}/preallocated", os.O_RDWR), 0, 65536)
    os.close(fd)
    os.close(os.open(f"{directory}/compressed", os.O_RDWR | os.O_CREAT, 0o644))
    os.setxattr(f"{directory}/compressed", "btrfs.compression", b"zstd")
    write(f"{directory}/compressed", b"public " * 10000)
    os.symlink("regular", f"{directory}/link")
    os.mkdir(f"{directory}/directory")
    os.mkfifo(f"{directory}/fifo")
    os.mknod(f"{directory}/device", stat.S_IFBLK | 0o600, os.makedev(7, 100))
    os.link(f"{directory}/regular", f"{directory}/directory/hard link")


def fsync(path):
    fd = os.open(path, os.O_RDONLY)
    os.fsync(fd)
    os.close(fd)


def log(root):
    """Changes that are in the log, and so in no other tree."""
    for directory in f"{root}/sub/there", f"{root}/sub/old", f"{root}/top":
        path = f"{directory}/{NAME}"
        write(path + "regular", text(8192, 20), 8192)
        write(path + "new", text(20000, 21))
        write(path + "preallocated", text(4096, 22), 40960)
        os.truncate(path + "source", 20000)
        fsync(path + "source")
        os.link(path + "small", path + "hard link")
        fsync(path + "small")
        os.rename(path + "part", path + "renamed")
        fsync(path + "renamed")
        write(path + "compressed", text(50000, 23))
        os.symlink(NAME * 4, path + "new link")
        os.mkdir(path + "new directory")
        write(path + f"new directory/{NAME}below", text(5000, 24))
        os.unlink(path + "clone")
        os.setxattr(path + "new", "user.note", b"in the log")
        fsync(path + "new")
        fsync(path + "new directory")
        fsync(directory)
    fsync(f"{root}/sub/there/{NAME}inner/{NAME}innerfile")


def make(image, root, options, with_log, keys, authenticated=False):
    """Makes an image and returns the names on disk of the keys in it."""
    with open(image, "wb") as file:
        file.truncate(SIZE)
    subprocess.run(["mkfs.btrfs", "-qf", "-m", "single", "-d", "single", *options, image],
                   check=True)
    device = kernel.loop_device(image)
    kernel.mount(device, root, "commit=300")
    names = populate(root, keys, authenticated)
    os.sync()
    if with_log:
        log(root)
        # As the power cut would leave it: nothing else is written meanwhile.
        subprocess.run(["cp", "--sparse=always", image, image + ".cut"], check=True)
    kernel.umount(root)
    kernel.detach(device)
    if with_log:
        os.replace(image + ".cut", image)
    return names
