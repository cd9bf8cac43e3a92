# SPDX-License-Identifier: GPL-2.0-only
"""Does all that can be done to a mounted filesystem, whatever is wrong with it.

Errors are answers like any other.  What an answer may not be: other contents than
before, or any contents of an encrypted file without its key.
"""

import errno
import fcntl
import itertools
import os
import stat

import base
import kernel

# A directory may contain itself.
MAX_DEPTH = 12
MAX_ENTRIES = 1500
# A size may be anything.
MAX_READ = 1 << 20
# Files that are changed, beside those that the mutation touches.
OTHER_FILES = 4
MOST_TOUCHED = 8


class Wrong(Exception):
    """The kernel did what it must not do."""


class Entry:
    """What was found under a path."""

    def __init__(self, mode, inodes):
        self.mode = mode
        # (tree, inode) of it and of all directories above
        self.inodes = inodes
        # Contents, target or names; or the errno instead.
        self.value = None


class Exercise:
    def __init__(self, root, report):
        self.root = root.encode()
        # Called with what is going to be done, before it is.
        self.report = report
        self.answers = {}
        self.trees = {}
        self.root_fd = None

    def attempt(self, what, function, *arguments):
        """Returns (errno, result); errno is 0 if it worked."""
        self.report(what)
        try:
            result, number = function(*arguments), 0
        except OSError as error:
            result, number = None, error.errno
        except OverflowError:
            # An offset of more than 2^63
            result, number = None, errno.EOVERFLOW
        answers = self.answers.setdefault(what, {})
        answers[number] = answers.get(number, 0) + 1
        return number, result

    def with_fd(self, path, flags, what, function, *arguments):
        """Opens the path; what is done with it is one attempt more."""
        number, fd = self.attempt("open to " + what, os.open, path, flags | os.O_NONBLOCK)
        if number:
            return number, None
        try:
            return self.attempt(what, function, fd, *arguments)
        finally:
            os.close(fd)

    def start(self):
        self.root_fd = os.open(self.root, os.O_RDONLY)

    def end(self):
        if self.root_fd is not None:
            os.close(self.root_fd)
            self.root_fd = None

    # Looking

    def tree_of(self, path, device):
        """The number of the subvolume, which has a device number of its own."""
        if device not in self.trees:
            number, result = self.with_fd(path, os.O_RDONLY, "INO_LOOKUP",
                                          kernel.ino_lookup, 0, 256)
            if number:
                return 0
            self.trees[device] = result[0]
        return self.trees[device]

    def walk(self, path=None, inodes=(), depth=0, found=None):
        """Looks at everything below a directory; returns entries by path."""
        if found is None:
            found, path = {}, self.root
            number, status = self.attempt("stat", os.lstat, path)
            if number:
                return found
            inodes = ((self.tree_of(path, status.st_dev), status.st_ino),)
        number, names = self.attempt("list", names_in, path)
        if number:
            found[path] = Entry(stat.S_IFDIR, inodes)
            found[path].value = number
            return found
        found[path] = Entry(stat.S_IFDIR, inodes)
        found[path].value = sorted(names)
        for name in names:
            if len(found) >= MAX_ENTRIES:
                break
            child = path + b"/" + name
            number, status = self.attempt("stat", os.lstat, child)
            if number:
                found[child] = Entry(0, inodes)
                found[child].value = number
                continue
            is_directory = stat.S_ISDIR(status.st_mode)
            # The root of a subvolume may be something else.
            tree = (self.tree_of(child, status.st_dev) if is_directory
                    else self.trees.get(status.st_dev, 0))
            entry = Entry(status.st_mode, inodes + ((tree, status.st_ino),))
            self.attempt("listxattr", self.xattrs, child)
            if is_directory and depth < MAX_DEPTH:
                self.walk(child, entry.inodes, depth + 1, found)
                continue
            found[child] = entry
            if stat.S_ISLNK(status.st_mode):
                number, value = self.attempt("readlink", os.readlink, child)
                entry.value = number or value
            elif stat.S_ISREG(status.st_mode):
                number, value = self.with_fd(child, os.O_RDONLY, "read", read)
                entry.value = number or value
        return found

    @staticmethod
    def xattrs(path):
        for name in os.listxattr(path, follow_symlinks=False):
            os.getxattr(path, name, follow_symlinks=False)

    def ask(self, found):
        """All ioctls that answer with names or about encryption."""
        trees = sorted({inode[0] for entry in found.values() for inode in entry.inodes[-1:]}
                       | {5, 7, 99999})
        seen = set()
        addresses = set()
        for path, entry in found.items():
            if not entry.inodes or entry.inodes[-1] in seen or not entry.mode:
                continue
            seen.add(entry.inodes[-1])
            tree, inode = entry.inodes[-1]
            self.attempt("INO_LOOKUP", kernel.ino_lookup, self.root_fd, tree, inode)
            if not stat.S_ISREG(entry.mode) and not stat.S_ISDIR(entry.mode):
                continue
            number, fd = self.attempt("open to ask", os.open, path, os.O_RDONLY)
            if number:
                continue
            self.attempt("GET_POLICY_EX", kernel.get_policy_ex, fd)
            self.attempt("GET_POLICY", fcntl.ioctl, fd, kernel.GET_POLICY, bytearray(12))
            self.attempt("GET_NONCE", fcntl.ioctl, fd, kernel.GET_NONCE, bytearray(16))
            self.attempt("INO_PATHS", kernel.ino_paths, fd, inode)
            if stat.S_ISREG(entry.mode):
                _, extents = self.attempt("FIEMAP", kernel.fiemap, fd)
                addresses.update(extents or [])
                self.attempt("SEEK_HOLE", os.lseek, fd, 0, os.SEEK_HOLE)
            elif inode == 256:
                self.attempt("GET_SUBVOL_INFO", kernel.subvolume_info, fd)
                self.attempt("GET_SUBVOL_ROOTREF", kernel.subvolume_rootrefs, fd)
                self.attempt("SUBVOL_GETFLAGS", fcntl.ioctl, fd, kernel.SUBVOL_GETFLAGS,
                             bytes(8))
            else:
                self.attempt("INO_LOOKUP_USER", kernel.ino_lookup_user, fd, inode, tree)
            os.close(fd)
        # Numbers that a reference can lead to although no path does.
        for tree in trees:
            self.attempt("TREE_SEARCH_V2", kernel.tree_search, self.root_fd, tree)
            for inode in range(256, 300):
                self.attempt("INO_LOOKUP", kernel.ino_lookup, self.root_fd, tree, inode)
            number, refs = self.attempt("GET_SUBVOL_ROOTREF", kernel.subvolume_rootrefs,
                                        self.root_fd)
            for child, directory in ([] if number else refs):
                self.attempt("INO_LOOKUP_USER", kernel.ino_lookup_user, self.root_fd,
                             directory, child)
        for address in sorted(addresses):
            if not address:
                continue
            self.attempt("LOGICAL_INO", kernel.logical_ino, self.root_fd, address)
        self.attempt("mounts", self.read_mounts)

    @staticmethod
    def read_mounts():
        with open("/proc/self/mountinfo", "rb") as file:
            return file.read()

    def by_handle(self, inodes):
        """Opens inodes past all names, as whoever exports the filesystem does."""
        for tree, inode in inodes:
            number, fd = self.attempt("open by handle", kernel.open_by_handle, self.root_fd,
                                      kernel.btrfs_handle(tree, inode),
                                      os.O_RDONLY | os.O_NONBLOCK)
            if number:
                continue
            self.attempt("name of a handle", os.readlink, f"/proc/self/fd/{fd}")
            self.attempt("GET_POLICY_EX", kernel.get_policy_ex, fd)
            self.attempt("read by handle", os.read, fd, 4096)
            self.attempt("list by handle", names_in, fd)
            os.close(fd)

    # Changing

    def change_locked(self, found, chooser):
        """What is allowed, or must be refused, without the key."""
        paths = [path for path, entry in found.items() if len(entry.inodes) > 1]
        for path in chooser.sample(paths, min(6, len(paths))):
            self.attempt("create without key", create, path + b"/new")
            self.attempt("rename without key", os.rename, path, path + b"2")
            self.attempt("link without key", os.link, path, path + b"2")
            self.attempt("truncate without key", os.truncate, path, 100)
            self.attempt("open to write without key", open_and_close, path, os.O_RDWR)

    def remove_some(self, found, chooser, count):
        paths = [path for path, entry in found.items()
                 if len(entry.inodes) > 1 and not stat.S_ISDIR(entry.mode)]
        for path in chooser.sample(paths, min(count, len(paths))):
            self.attempt("unlink without key", os.unlink, path)

    def change(self, found, touched, chooser):
        """Changes touched files and some others in all ways."""
        paths = [path for path, entry in found.items()
                 if touched(entry.inodes[-1:]) and path != self.root]
        chooser.shuffle(paths)
        others = [path for path in found if path != self.root]
        paths = paths[:MOST_TOUCHED] + chooser.sample(others, min(OTHER_FILES, len(others)))
        sources = [path for path, entry in found.items() if path.endswith(b"source")]
        for number, path in enumerate(paths):
            mode = found[path].mode
            if stat.S_ISREG(mode):
                self.change_file(path, chooser.choice(sources) if sources else path)
            elif stat.S_ISDIR(mode):
                self.change_directory(path, f"new{number}".encode(), chooser)
            if not stat.S_ISLNK(mode):
                self.attempt("chmod", os.chmod, path, 0o640)
            self.attempt("setxattr", set_xattr, path)
            self.attempt("rename", os.rename, path, path + b" renamed")
            self.attempt("rename back", os.rename, path + b" renamed", path)
            self.attempt("link", os.link, path, path + b" link")
            if not stat.S_ISLNK(mode):
                self.with_fd(path, os.O_RDONLY, "fsync of a link", os.fsync)
            other = chooser.choice(paths)
            self.attempt("exchange", kernel.renameat2, path, other, kernel.RENAME_EXCHANGE)
            self.attempt("exchange back", kernel.renameat2, path, other, kernel.RENAME_EXCHANGE)
        return paths

    def change_file(self, path, source):
        number, fd = self.attempt("open to write", os.open, path, os.O_RDWR)
        if number:
            return
        # What a file is by now, the kernel says; public contents for a plain one.
        number, encrypted = self.attempt("GETFLAGS", kernel.is_encrypted, fd)
        data = base.text(6000, 99) if encrypted else b"public " * 800
        self.attempt("write", os.pwrite, fd, data, 1000)
        self.attempt("fsync", os.fsync, fd)
        number, status = self.attempt("fstat", os.fstat, fd)
        end = status.st_size if not number else 0
        if end < 1 << 30:
            self.attempt("append", os.pwrite, fd, data, end)
        self.attempt("fallocate", kernel.fallocate, fd, 0, 131072, 8192)
        self.attempt("punch", kernel.fallocate, fd, 3, 4096, 4096)
        self.attempt("zero", kernel.fallocate, fd, 16, 8192, 4096)
        self.attempt("truncate", os.ftruncate, fd, 9001)
        self.attempt("extend", os.ftruncate, fd, 20000)
        number, source_fd = self.attempt("open source", os.open, source, os.O_RDONLY)
        if not number:
            self.attempt("clone range", kernel.clone_range, fd, source_fd, 0, 8192, 4096)
            self.attempt("dedupe", kernel.dedupe, source_fd, fd, 8192)
            os.close(source_fd)
        self.attempt("defragment", kernel.defragment, fd)
        self.attempt("set policy on a file", kernel.set_policy, fd, bytes(16))
        self.attempt("fsync", os.fsync, fd)
        os.close(fd)

    def change_directory(self, path, name, chooser):
        number, fd = self.attempt("open directory", os.open, path, os.O_RDONLY | os.O_DIRECTORY)
        if number:
            return
        number, encrypted = self.attempt("GETFLAGS", kernel.is_encrypted, fd)
        if encrypted:
            name = base.NAME.encode() + name
        new = path + b"/" + name
        self.new_file(new)
        self.attempt("mkdir", os.mkdir, new + b" directory")
        self.new_file(new + b" directory/" + name)
        self.attempt("symlink", os.symlink, name, new + b" link")
        self.attempt("readlink", os.readlink, new + b" link")
        self.attempt("mknod", os.mknod, new + b" fifo", stat.S_IFIFO | 0o600)
        self.attempt("subvolume create", kernel.create_subvolume, fd, name + b" subvolume")
        self.attempt("snapshot", kernel.snapshot, fd, name + b" snapshot", fd)
        number, _ = self.attempt("read-only snapshot", kernel.snapshot, fd, name + b" sent", fd, True)
        if not number:
            self.send(new + b" sent")
            self.attempt("snapshot delete", kernel.destroy_subvolume, fd, name + b" sent")
        number, tmpfile = self.attempt("O_TMPFILE", os.open, path, os.O_RDWR | os.O_TMPFILE)
        if not number:
            self.attempt("link O_TMPFILE", kernel.linkat_fd, tmpfile, new + b" tmpfile")
            os.close(tmpfile)
        self.attempt("fsync directory", os.fsync, fd)
        self.attempt("set policy again", kernel.set_policy, fd, bytes(16))
        self.attempt("subvolume delete", kernel.destroy_subvolume, fd, name + b" subvolume")
        if chooser.random() < 0.5:
            self.attempt("snapshot delete", kernel.destroy_subvolume, fd, name + b" snapshot")
        self.attempt("rmdir", os.rmdir, new + b" directory")
        os.close(fd)

    def send(self, path):
        """What names and contents lead to in a stream"""
        # The kernel can't write to /dev/null.
        stream = os.memfd_create("stream")
        self.with_fd(path, os.O_RDONLY, "send", kernel.send, stream)
        self.with_fd(path, os.O_RDONLY, "send compressed", kernel.send, stream,
                     kernel.SEND_FLAG_COMPRESSED)
        os.close(stream)

    def new_file(self, path):
        """What was just written must come back."""
        number, fd = self.attempt("create", os.open, path, os.O_RDWR | os.O_CREAT)
        if number:
            return
        number, encrypted = self.attempt("GETFLAGS", kernel.is_encrypted, fd)
        data = base.text(9000, 98) if encrypted else b"public " * 1300
        number, _ = self.attempt("write", os.pwrite, fd, data, 0)
        synced, _ = self.attempt("fsync", os.fsync, fd)
        if not number and not synced:
            self.attempt("drop cache", os.posix_fadvise, fd, 0, 0, os.POSIX_FADV_DONTNEED)
            number, back = self.attempt("read back", os.pread, fd, len(data), 0)
            if not number and back != data:
                raise Wrong(f"a new file has other contents than were written: {path}")
        os.close(fd)

    def remove_all(self, path, depth=0):
        """rm -r, as far as it goes."""
        number, names = self.attempt("list", names_in, path)
        for name in ([] if number else names[:100]):
            child = path + b"/" + name
            number, _ = self.attempt("unlink", os.unlink, child)
            if number == errno.EISDIR:
                if depth < MAX_DEPTH:
                    self.remove_all(child, depth + 1)
                number, _ = self.attempt("rmdir", os.rmdir, child)


def names_in(directory):
    """Those that are listed, as far as there are not too many."""
    with os.scandir(directory) as entries:
        names = [entry.name for entry in itertools.islice(entries, MAX_ENTRIES)]
    if len(names) == MAX_ENTRIES and len(set(names)) < MAX_ENTRIES // 2:
        raise Wrong(f"a directory is listed for ever: {directory}")
    return names


def read(fd):
    """All, at most MAX_READ; what comes before an error isn't enough."""
    data = b""
    while len(data) < MAX_READ and (more := os.read(fd, MAX_READ - len(data))):
        data += more
    return data


def create(path):
    os.close(os.open(path, os.O_RDWR | os.O_CREAT))


def open_and_close(path, flags):
    os.close(os.open(path, flags | os.O_NONBLOCK))


def set_xattr(path):
    os.setxattr(path, "user.new", b"x" * 100, follow_symlinks=False)
