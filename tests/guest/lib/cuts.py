#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Change files and sync some, or check what must be there after the power was cut.

usage: cuts.py write SEED DIRECTORY JOURNAL SYNCS
       cuts.py check DIRECTORY JOURNAL MARKS

DIRECTORY is a subvolume.  JOURNAL gets a line for each change before it is made.  What is
synced after a change gets a mark in the log of dm-log-writes: MARKS are those that were
made before the cut.  A mark has the number of the last change and what is synced: a file,
the directory, or all.

What was synced must be as it was then, or as a later change made it: each name, the size,
and each block of a file by itself.  In a snapshot all is as it was.
"""
import collections
import errno
import json
import mmap
import os
import random
import subprocess
import sys

import kernel

BLOCK = 4096
MOST_BLOCKS = 64
FILES = 12
ZEROS = bytes(BLOCK)


def block(tag):
    """The block that a change wrote: TAG is its number, the file and the number of the block."""
    if not tag:
        return ZEROS
    line = b"THE-PLAINTEXT-MARKER %s\n" % tag.encode()
    return line + random.Random(tag).randbytes(BLOCK // 2) + bytes(BLOCK // 2 - len(line))


def is_file(what):
    return bool(what) and what.startswith("file")


def tag_of(data):
    if data == ZEROS:
        return ""
    line = data.split(b"\n", 1)[0].decode("ascii", "replace").split(" ", 1)
    return line[-1] if data == block(line[-1]) else None


class Model:
    """What each file has had, by the number of the change.

    names	name: [(change, file or the target of a symbolic link or None)]
    sizes	file: [(change, bytes)]
    blocks	(file, number): [(change, tag)]
    """

    def __init__(self):
        self.change = 0
        self.names = collections.defaultdict(list)
        self.sizes = collections.defaultdict(list)
        self.blocks = collections.defaultdict(list)
        self.snapshots = {}

    def apply(self, line):
        """Applies a line of the journal."""
        self.change += 1
        for name, what in line.get("names", {}).items():
            self.names[name].append((self.change, what))
        file = line.get("file")
        if "size" in line:
            self.sizes[file].append((self.change, line["size"]))
        for number, tag in line.get("blocks", {}).items():
            self.blocks[file, int(number)].append((self.change, tag))
        if "snapshot" in line:
            self.snapshots[line["snapshot"]] = self.change

    @staticmethod
    def at(history, change, default):
        """What was there after a change, and what came later."""
        then = default
        later = []
        for when, what in history:
            if when <= change:
                then = what
            else:
                later.append(what)
        return then, later

    def now(self, history, default=None):
        return self.at(history, self.change, default)[0]


class Writer:
    def __init__(self, seed, directory, journal):
        self.random = random.Random(seed)
        self.directory = directory
        self.journal = open(journal, "w", encoding="ascii")
        self.model = Model()
        self.made = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def note(self, **line):
        self.model.apply(line)
        self.journal.write(json.dumps(line) + "\n")
        self.journal.flush()

    def mark(self, what):
        subprocess.run(["dmsetup", "message", "logged", "0", "mark",
                        f"{self.model.change}:{what}"], check=True)

    def files(self):
        """The names of files and which they are."""
        return [(name, what) for name, history in self.model.names.items()
                if is_file(what := self.model.now(history))]

    def size(self, file):
        return self.model.now(self.model.sizes[file], 0)

    def create(self):
        name = f"name-{self.random.randrange(2 * FILES)}"
        if self.model.now(self.model.names[name]):
            return
        self.made += 1
        file = f"file{self.made}"
        self.note(names={name: file}, file=file, size=0)
        with open(self.path(name), "xb"):
            os.setxattr(self.path(name), "user.file", file.encode())

    def symlink(self):
        name = f"link-{self.random.randrange(FILES)}"
        if self.model.now(self.model.names[name]):
            self.note(names={name: None})
            os.unlink(self.path(name))
        else:
            target = "/" + "t" * self.random.randrange(1, 200)
            self.note(names={name: target})
            os.symlink(target, self.path(name))

    def write(self, name, file):
        first = self.random.randrange(MOST_BLOCKS - 16)
        numbers = range(first, first + self.random.choice([1, 1, 4, 16]))
        change = self.model.change + 1
        tags = {number: f"{change}:{file}:{number}" for number in numbers}
        self.note(file=file, blocks=tags,
                  size=max(self.size(file), numbers.stop * BLOCK))
        flags = os.O_DIRECT if self.random.random() < 0.3 else 0
        fd = os.open(self.path(name), os.O_WRONLY | flags)
        data = memoryview(AREA)[: len(numbers) * BLOCK]
        data[:] = b"".join(map(block, tags.values()))
        if os.pwrite(fd, data, first * BLOCK) != len(data):
            sys.exit("a short write")
        os.close(fd)

    def truncate(self, name, file):
        blocks = self.random.randrange(self.size(file) // BLOCK + 1)
        self.note(file=file, size=blocks * BLOCK,
                  blocks={number: "" for number in range(blocks, MOST_BLOCKS)})
        os.truncate(self.path(name), blocks * BLOCK)

    def allocate(self, name, file):
        first = self.random.randrange(MOST_BLOCKS - 16)
        how = self.random.choice(["--posix", "--punch-hole", "--zero-range"])
        size = self.size(file)
        if how != "--punch-hole":
            size = max(size, (first + 16) * BLOCK)
        zeroed = range(first, first + 16) if how != "--posix" else []
        self.note(file=file, size=size, blocks={number: "" for number in zeroed})
        subprocess.run(["fallocate", how, "--offset", str(first * BLOCK),
                        "--length", str(16 * BLOCK), self.path(name)], check=True)

    def clone(self, name, file):
        from_name, source = self.random.choice(self.files())
        blocks = min(self.size(source) // BLOCK, 16)
        if source == file or not blocks:
            return
        first = self.random.randrange(self.size(source) // BLOCK - blocks + 1)
        to = self.random.randrange(MOST_BLOCKS - 16)
        tags = {to + i: self.model.now(self.model.blocks[source, first + i], "")
                for i in range(blocks)}
        self.note(file=file, blocks=tags, size=max(self.size(file), (to + blocks) * BLOCK))
        with open(self.path(from_name), "rb") as source, open(self.path(name), "r+b") as target:
            kernel.clone_range(target, source.fileno(), first * BLOCK, blocks * BLOCK,
                               to * BLOCK)

    def rename(self, name, file):
        to = f"name-{self.random.randrange(2 * FILES)}"
        # If both are of one file, this does nothing.
        if self.model.now(self.model.names[to]) != file:
            self.note(names={name: None, to: file})
            os.rename(self.path(name), self.path(to))

    def link(self, name, file):
        to = f"name-{self.random.randrange(2 * FILES)}"
        if not self.model.now(self.model.names[to]):
            self.note(names={to: file})
            os.link(self.path(name), self.path(to))

    def unlink(self, name, _):
        if len(self.files()) > FILES // 2:
            self.note(names={name: None})
            os.unlink(self.path(name))

    def sync(self, name, file):
        how = self.random.choice(["file"] * 6 + ["data"] * 2 + ["directory", "all", "snapshot"])
        if how in ("file", "data"):
            fd = os.open(self.path(name), os.O_RDONLY)
            (os.fsync if how == "file" else os.fdatasync)(fd)
            os.close(fd)
            self.mark(file)
        elif how == "directory":
            fd = os.open(self.directory, os.O_RDONLY)
            os.fsync(fd)
            os.close(fd)
            self.mark("directory")
        elif how == "all":
            os.sync()
            self.mark("all")
        else:
            snapshot = f"snapshot{len(self.model.snapshots)}"
            self.note(snapshot=snapshot)
            subprocess.run(["btrfs", "-q", "subvolume", "snapshot", "-r", self.directory,
                            f"{self.directory}.{snapshot}"], check=True)
            self.mark("all")

    def run(self, syncs):
        ways = ([self.write] * 8 + [self.truncate, self.allocate, self.allocate, self.clone,
                self.clone, self.rename, self.rename, self.link, self.unlink])
        while syncs:
            if len(self.files()) < FILES // 2 or self.random.random() < 0.1:
                self.create()
            elif self.random.random() < 0.05:
                self.symlink()
            else:
                self.random.choice(ways)(*self.random.choice(self.files()))
            if self.files() and self.random.random() < 0.3:
                self.sync(*self.random.choice(self.files()))
                syncs -= 1


def read_model(path):
    model = Model()
    with open(path, encoding="ascii") as file:
        for line in file:
            model.apply(json.loads(line))
    return model


def check_file(path, model, file, change, exact):
    """Fails unless this is what the file was after a change, or became later."""
    then, later = model.at(model.sizes[file], change, 0)
    sizes = [then] if exact else [then, *later]
    with open(path, "rb") as stream:
        data = stream.read()
    if not min(sizes) <= len(data) <= max(sizes):
        sys.exit(f"{path}: {len(data)} bytes instead of {sizes}")
    for number in range(len(data) // BLOCK):
        tag = tag_of(data[number * BLOCK : (number + 1) * BLOCK])
        then, later = model.at(model.blocks[file, number], change, "")
        if tag != then and (exact or tag not in later):
            sys.exit(f"{path}: block {number} is {tag!r} instead of {then!r}"
                     f" or one of {[] if exact else later}")


def check_name(path, model, what, later, synced_at, exact=False):
    """Fails unless the name has what it had, or one of what it had later.

    synced_at	when a file was synced for the last time
    """
    try:
        found = os.readlink(path) if os.path.islink(path) else (
            os.getxattr(path, "user.file").decode())
    except FileNotFoundError:
        found = None
    except OSError as error:
        # It gets the attribute after the name.
        if error.errno != errno.ENODATA:
            sys.exit(f"{path}: {error}")
        found = "a new file"
    if found == "a new file":
        if not any(map(is_file, later)):
            sys.exit(f"{path} has lost its attribute")
        return
    if found != what and found not in later:
        sys.exit(f"{path} is {found} instead of {what}")
    if is_file(found):
        check_file(path, model, found, synced_at(found), exact)


def check(directory, journal, marks):
    model = read_model(journal)
    synced = {}
    with open(marks, encoding="ascii") as file:
        for line in file:
            change, what = line.rstrip().split(":")
            synced[what] = int(change)
    everything = synced.pop("all", 0)
    directory_at = max(everything, synced.pop("directory", 0))

    def synced_at(file):
        return max(everything, synced.get(file, 0))

    names = 0
    for name, history in model.names.items():
        # What the names were, also that there was none, when everything was synced, and
        # the new ones when the directory was; and those of each file that was synced later.
        committed, since = model.at(history, everything, None)
        wanted = [(committed, since)] if everything else []
        what, later = model.at(history, directory_at, None)
        if what and what.startswith("/"):
            wanted.append((what, later))
        for file in synced:
            what, later = model.at(history, synced_at(file), None)
            if what != file:
                continue
            if later:
                # The file was renamed away.  Once it is synced after that, btrfs forgets that
                # it had replaced another, whose name it is again; it does so for plain files,
                # too.
                later += [committed, *since]
            wanted.append((what, later))
        for what, later in wanted:
            check_name(os.path.join(directory, name), model, what, later, synced_at)
        names += len(wanted)
    if not names and (synced or everything):
        sys.exit("nothing was checked")
    snapshots = 0
    for snapshot, change in model.snapshots.items():
        path = f"{directory}.{snapshot}"
        if change <= everything:
            for name, history in model.names.items():
                what, _ = model.at(history, change, None)
                check_name(os.path.join(path, name), model, what, [], lambda _: change, True)
            snapshots += 1
    print(f"{names} names and {snapshots} snapshots are right")


if __name__ == "__main__":
    AREA = mmap.mmap(-1, MOST_BLOCKS * BLOCK)
    if sys.argv[1] == "write":
        Writer(int(sys.argv[2]), sys.argv[3], sys.argv[4]).run(int(sys.argv[5]))
    else:
        check(*sys.argv[2:])
