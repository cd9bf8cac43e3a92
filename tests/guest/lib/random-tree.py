#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Do random operations in a tree.  With the same seed they are the same in another one.

usage: random-tree.py SEED COUNT DIRECTORY NAME=[KEY]...

The operations go on from what is there.  Each NAME is a directory that gets the policy of
that KEY, an identifier in hexadecimal, or none, so that a tree with policies has a twin
without.  "plain" is another one, and there are some that get the first policy later, at a
time when they are empty.  What can be moved or shared stays within one of these, but for
special files, which have no policy.

Prints a line for each operation, with its error if it fails.
"""
import errno
import mmap
import os
import random
import shutil
import stat
import sys

import kernel

BLOCK = 4096
SIZE_MAX = 1 << 20
PUNCH_HOLE = 3
"""FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE"""
TEXT = b"Compression finds something to do here. " * 30000
EXPECTED = {errno.EEXIST, errno.ENOTEMPTY, errno.EINVAL, errno.EISDIR, errno.ENOTDIR,
            errno.ENOENT, errno.ENODATA, errno.ENAMETOOLONG}
LATER = b"user.encrypted"
"""What a directory that got its policy later has as an attribute, in both twins."""


class Tree:
    def __init__(self, rng, areas):
        self.random = rng
        self.areas = areas
        self.operations = [
            (10, self.create), (4, self.mkdir), (2, self.symlink), (2, self.special),
            (8, self.write), (4, self.write_block), (3, self.write_mapping), (3, self.append),
            (3, self.truncate), (2, self.allocate), (3, self.punch), (6, self.clone),
            (3, self.clone_all), (6, self.rename), (3, self.move_over), (4, self.exchange),
            (2, self.move_special), (3, self.link), (4, self.unlink), (1, self.remove_tree),
            (3, self.set_attribute), (1, self.remove_attribute), (2, self.set_acl),
            (1, self.set_capability), (2, self.change_mode), (2, self.change_owner),
            (2, self.change_times), (1, self.make_later), (2, self.encrypt_later),
        ]

    def setup(self):
        for name, key in self.areas.items():
            os.mkdir(name)
            self.encrypt(name, key)

    def encrypt(self, name, key):
        if key:
            fd = os.open(name, os.O_RDONLY)
            kernel.set_policy(fd, bytes.fromhex(key))
            os.close(fd)

    def step(self):
        weights = [weight for weight, _ in self.operations]
        operation = self.random.choices(self.operations, weights)[0][1]
        try:
            what = operation()
        except OSError as error:
            if error.errno not in EXPECTED:
                raise
            what = error.strerror
        print(operation.__name__, ascii(what))

    # What is there

    def area(self):
        return self.random.choice(sorted(os.listdir(b".")))

    def all(self, area, *kinds):
        """All paths of these kinds in the area, or all; without the area itself."""
        found = []
        for directory, directories, files in os.walk(area):
            for name in directories + files:
                path = os.path.join(directory, name)
                if not kinds or stat.S_IFMT(os.lstat(path).st_mode) in kinds:
                    found.append(path)
        return sorted(found)

    def any(self, area, *kinds):
        paths = self.all(area, *kinds)
        if not paths:
            raise OSError(errno.ENOENT, "nothing of that kind")
        return self.random.choice(paths)

    def directory(self, area):
        return self.random.choice([area] + self.all(area, stat.S_IFDIR))

    def new_path(self, area):
        kind = self.random.randrange(8)
        length = self.random.choice((1, 2, 15, 16, 17, 31, 32, 33, 64, 149, 150, 200, 255))
        if kind == 0:
            # As send calls what has no place yet
            name = b"o%d-%d-%d" % (self.random.randrange(256, 280), self.random.randrange(6, 20),
                                   self.random.randrange(2))
        elif kind == 1:
            name = bytes(self.random.choice(b"\n\t \\\xc3\xa9\xff~") for _ in range(length))
        else:
            name = bytes(self.random.choices(b"abcdefghij", k=length))
        return os.path.join(self.directory(area), name)

    def file(self, area):
        return os.open(self.any(area, stat.S_IFREG), os.O_RDWR)

    def data(self, length):
        if self.random.randrange(2):
            return self.random.randbytes(length)
        start = self.random.randrange(1000)
        return TEXT[start:start + length]

    def place(self, size):
        offset = self.random.randrange(size)
        return offset // BLOCK * BLOCK if self.random.randrange(2) else offset

    # Operations.  They return what they did.

    def create(self):
        path = self.new_path(self.area())
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o644)
        size = self.random.choice((0, 1, 100, BLOCK, 5 * BLOCK + 7, 150000))
        os.pwrite(fd, self.data(size), 0)
        os.fsync(fd)
        os.close(fd)
        return path, size

    def mkdir(self):
        path = self.new_path(self.area())
        os.mkdir(path)
        return path

    def symlink(self):
        path = self.new_path(self.area())
        target = b"t" * self.random.choice((1, 16, 100, 2000))
        os.symlink(target, path)
        return path, len(target)

    def special(self):
        path = self.new_path(self.area())
        kind = self.random.choice((stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK))
        os.mknod(path, kind | 0o600, os.makedev(1, 3) if kind in (stat.S_IFCHR, stat.S_IFBLK) else 0)
        return path, kind

    def change(self, fd, function, *arguments):
        function(fd, *arguments)
        # So that extents don't depend on when the rest is written
        os.fsync(fd)
        os.close(fd)
        return arguments[-1]

    def write(self):
        length = self.random.choice((1, 1000, BLOCK, 3 * BLOCK, 50000, 140000))
        return self.change(self.file(self.area()), os.pwrite, self.data(length),
                           self.place(SIZE_MAX // 2))

    def write_block(self):
        return self.change(self.file(self.area()), os.pwrite, self.data(BLOCK),
                           self.random.randrange(16) * BLOCK)

    def write_mapping(self):
        fd = self.file(self.area())
        size = os.fstat(fd).st_size
        if not size:
            os.close(fd)
            return "empty"
        with mmap.mmap(fd, size) as mapping:
            start = self.random.randrange(size)
            data = self.data(min(size - start, 10000))
            mapping[start:start + len(data)] = data
        os.fsync(fd)
        os.close(fd)
        return start, len(data)

    def append(self):
        fd = self.file(self.area())
        return self.change(fd, os.pwrite, self.data(self.random.choice((10, BLOCK, 9000))),
                           os.fstat(fd).st_size)

    def truncate(self):
        return self.change(self.file(self.area()), os.ftruncate, self.place(SIZE_MAX // 2))

    def allocate(self):
        return self.change(self.file(self.area()), os.posix_fallocate, self.place(SIZE_MAX // 2),
                           self.random.randrange(1, 100000))

    def punch(self):
        return self.change(self.file(self.area()), kernel.fallocate, PUNCH_HOLE,
                           self.place(SIZE_MAX // 2), self.random.randrange(1, 60000))

    def clone(self):
        area = self.area()
        source = self.any(area, stat.S_IFREG)
        to = self.any(area, stat.S_IFREG)
        blocks = os.stat(source).st_size // BLOCK
        if not blocks:
            return "empty"
        start = self.random.randrange(blocks)
        count = self.random.randrange(1, blocks - start + 1)
        at = self.random.randrange(32) * BLOCK
        with open(source, "rb") as from_file, open(to, "r+b") as to_file:
            kernel.clone_range(to_file.fileno(), from_file.fileno(), start * BLOCK,
                               count * BLOCK, at)
            os.fsync(to_file.fileno())
        return source, to, start, count, at

    def clone_all(self):
        area = self.area()
        source, path = self.any(area, stat.S_IFREG), self.new_path(area)
        with open(source, "rb") as from_file, open(path, "xb") as to_file:
            kernel.clone(to_file.fileno(), from_file.fileno())
            os.fsync(to_file.fileno())
        return source, path

    def rename(self):
        area = self.area()
        old, new = self.any(area), self.new_path(area)
        os.rename(old, new)
        return old, new

    def move_over(self):
        area = self.area()
        kind = self.random.choice((stat.S_IFREG, stat.S_IFREG, stat.S_IFDIR))
        old, new = self.any(area, kind), self.any(area, kind)
        os.rename(old, new)
        return old, new

    def exchange(self):
        area = self.area()
        old, new = self.any(area), self.any(area)
        kernel.renameat2(old, new, kernel.RENAME_EXCHANGE)
        return old, new

    def move_special(self):
        old = self.any(self.area(), stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK)
        new = self.new_path(self.area())
        os.rename(old, new)
        return old, new

    def link(self):
        area = self.area()
        old, new = self.any(area, stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO), self.new_path(area)
        os.link(old, new, follow_symlinks=False)
        return old, new

    def unlink(self):
        path = self.any(self.area(), stat.S_IFREG, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK,
                        stat.S_IFCHR, stat.S_IFBLK)
        os.unlink(path)
        return path

    def remove_tree(self):
        path = self.any(self.area(), stat.S_IFDIR)
        shutil.rmtree(path)
        return path

    def set_attribute(self):
        path = self.any(self.area(), stat.S_IFREG, stat.S_IFDIR)
        name = b"user.%d" % self.random.randrange(3)
        os.setxattr(path, name, self.random.randbytes(self.random.choice((0, 10, 300, 2000))))
        return path, name

    def remove_attribute(self):
        path = self.any(self.area(), stat.S_IFREG, stat.S_IFDIR)
        os.removexattr(path, b"user.%d" % self.random.randrange(3))
        return path

    def set_acl(self):
        path = self.any(self.area(), stat.S_IFREG, stat.S_IFDIR)
        user, rights = self.random.randrange(1, 100), self.random.randrange(8)
        entries = (0x01, 6, -1), (0x02, rights, user), (0x04, 4, -1), (0x10, 7, -1), (0x20, 4, -1)
        acl = (2).to_bytes(4, "little")
        for tag, permissions, number in entries:
            acl += tag.to_bytes(2, "little") + permissions.to_bytes(2, "little")
            acl += number.to_bytes(4, "little", signed=True)
        os.setxattr(path, b"system.posix_acl_access", acl)
        return path, user, rights

    def set_capability(self):
        path = self.any(self.area(), stat.S_IFREG)
        permitted = 1 << self.random.randrange(30)
        os.setxattr(path, b"security.capability",
                    (0x02000001).to_bytes(4, "little") + permitted.to_bytes(4, "little") + bytes(12))
        return path, permitted

    def change_mode(self):
        path = self.any(self.area(), stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO)
        mode = self.random.choice((0o600, 0o644, 0o755, 0o1777, 0o700))
        os.chmod(path, mode)
        return path, mode

    def change_owner(self):
        path = self.any(self.area())
        owner = self.random.randrange(5), self.random.randrange(5)
        os.chown(path, *owner, follow_symlinks=False)
        return path, owner

    def change_times(self):
        path = self.any(self.area())
        time = self.random.randrange(2**31 * 10**9)
        os.utime(path, ns=(time, time), follow_symlinks=False)
        return path, time

    def make_later(self):
        path = b"later%d" % self.random.randrange(100)
        os.mkdir(path)
        return path

    def encrypt_later(self):
        later = [path for path in sorted(os.listdir(b".")) if path.startswith(b"later") and
                 LATER not in map(os.fsencode, os.listxattr(path))]
        if not later:
            return "none"
        path = self.random.choice(later)
        for name in sorted(os.listdir(path)):
            inner = os.path.join(path, name)
            if os.path.isdir(inner) and not os.path.islink(inner):
                shutil.rmtree(inner)
            else:
                os.unlink(inner)
        self.encrypt(path, next(iter(self.areas.values())))
        os.setxattr(path, LATER, b"")
        return path


def main():
    if len(sys.argv) < 5:
        sys.exit(__doc__)
    seed, count, directory = sys.argv[1:4]
    areas = dict(argument.split("=") for argument in sys.argv[4:])
    os.chdir(directory)
    os.umask(0o022)
    tree = Tree(random.Random(seed), {**areas, "plain": ""})
    if not os.listdir("."):
        tree.setup()
    for _ in range(int(count)):
        tree.step()


if __name__ == "__main__":
    main()
