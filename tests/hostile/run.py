# SPDX-License-Identifier: GPL-2.0-only
"""Makes images, changes one thing in each, and does all that can be done to them.

usage: run.py [--plain | --authenticated] FIRST[-LAST]...

With --plain, the images have nothing that is encrypted, so that they show what the
unpatched btrfs does.  With --authenticated, what is encrypted is authenticated, too, but for
what has a v1 policy.

A child does the work, so that its end, or that it doesn't get on, is a result like any
other.  OUT/results has a line for each seed.  If there is OUT/current in the end, the
guest did not survive the seed that it is about.
"""

import mmap
import os
import pickle
import random
import signal
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "../guest/lib"))
import base  # noqa: E402
import kernel  # noqa: E402
import messages  # noqa: E402
from exercise import Exercise, Wrong  # noqa: E402
from occurrences import data_ranges  # noqa: E402

OUT = os.environ["OUT"]
ROOT = os.environ["SCRATCH_MNT"]
RESULTS = f"{OUT}/results"
ARGUMENTS = [word for word in sys.argv[1:] if not word.startswith("--")]
PLAIN = "--plain" in sys.argv
AUTHENTICATED = "--authenticated" in sys.argv
# Keys that are in the images, and those of them that the exerciser adds.
KEYS, ADDED_KEYS = ((), ()) if PLAIN else (("there", "missing", "old"), ("there", "old"))
# What nobody may see
SECRETS = () if PLAIN else (base.CONTENTS, base.NAME.encode())
# An image with a log, after several without.
CYCLE, WITHOUT_LOG = 200, 150
IMAGES = {
    "whole": (["-n", "4096", "-O", "^no-holes"], False),
    "log": (["-n", "4096"], True),
}
RESCUE = "ro,rescue=all"
CHECK_MODES = ("original", "lowmem")
HANG_SECONDS = 60


def kind_of(seed):
    return "whole" if seed % CYCLE < WITHOUT_LOG else "log"


class Progress:
    """What the child is doing, for its parent to see."""

    def __init__(self):
        self.memory = mmap.mmap(-1, 4096)
        self.set(-1, "begin")

    def set(self, seed, what):
        self.memory[:120] = f"{seed} {what}".encode()[:112].ljust(112, b"\0") \
            + time.monotonic_ns().to_bytes(8, "little")

    def get(self):
        """Returns seed, what, and since how many seconds."""
        text = self.memory[:112].rstrip(b"\0").decode()
        since = time.monotonic_ns() - int.from_bytes(self.memory[112:120], "little")
        seed, _, what = text.partition(" ")
        return int(seed or -1), what, since / 1e9


class Mutation:
    """A line of hostile-images."""

    def __init__(self, line):
        seed, self.group, self.description, touched, contents, patch = \
            line.rstrip("\n").split("\t")
        self.seed = int(seed)
        self.all = False
        self.trees, self.inodes = set(), set()
        for word in touched.split():
            if word == "*":
                self.all = True
                continue
            tree, inode = word.split(":")
            if inode == "*":
                self.trees.add(int(tree))
            else:
                self.inodes.add((int(tree), int(inode)))
        self.contents = contents == "contents"
        self.patch = [(int(at), bytes.fromhex(data)) for at, data in
                      (word.split(":") for word in patch.split())]

    def touches(self, inodes):
        return self.all or any(tree in self.trees or (tree, inode) in self.inodes
                               for tree, inode in inodes)


class Disk:
    """A loop device on a file in memory, which can be made anew at once."""

    def __init__(self, path):
        with open(path, "wb") as file:
            file.truncate(base.SIZE)
        self.path = path
        self.fd = os.open(path, os.O_RDWR)
        self.device = kernel.loop_device(path)
        self.images = {}

    def load(self, name):
        with open(f"{OUT}/{name}.data", "rb") as file:
            self.images[name] = pickle.load(file)

    def restore(self, name):
        kernel.fallocate(self.fd, 3, 0, base.SIZE)
        for start, data in self.images[name]:
            os.pwrite(self.fd, data, start)

    def patch(self, changes):
        for at, data in changes:
            os.pwrite(self.fd, data, at)

    def check(self, mode):
        """Returns what btrfs check complains of without a key, or ""."""
        result = subprocess.run(["btrfs", "check", "--mode", mode, self.path], check=False,
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        return result.stdout.decode(errors="replace") if result.returncode else ""

    def find(self, *marks):
        """Returns the first mark that is there, and where."""
        with mmap.mmap(self.fd, base.SIZE, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
            for start, end in data_ranges(self.fd):
                for mark in marks:
                    at = memory.find(mark, start, end)
                    if at >= 0:
                        return mark, at
        return None


class Worker:
    """Takes one image after the other."""

    def __init__(self, disk, progress):
        self.disk = disk
        self.progress = progress
        self.log = messages.Kernel()
        self.keys = {}
        self.exercise = None
        # What there is in an image that nothing was changed in, and the inodes that can't
        # be read without the keys, by image.
        self.unlocked, self.encrypted = {}, {}

    def start(self, seed):
        self.exercise = Exercise(ROOT, lambda what: self.progress.set(seed, what))

    def add_keys(self):
        self.exercise.report("add keys")
        return base.add_keys(ROOT, ADDED_KEYS)

    def baseline(self, name):
        """What there is if nothing was changed."""
        self.disk.restore(name)
        self.start(-1)
        for mode in CHECK_MODES:
            if complaints := self.disk.check(mode):
                raise Wrong(f"check --mode {mode} complains of image {name} without a change:"
                            f"\n{complaints}")
        kernel.mount(self.disk.device, ROOT, "")
        self.exercise.start()
        locked = self.exercise.walk()
        self.add_keys()
        self.unlocked[name] = self.exercise.walk()
        self.exercise.end()
        kernel.umount(ROOT)
        self.encrypted[name] = {
            entry.inodes[-1] for entry in locked.values()
            if isinstance(entry.value, int)}
        said = [line for line in self.log.read() if messages.is_error(line)]
        if said:
            raise Wrong(f"of an image without a change, the kernel says: {said}")
        values = self.unlocked[name].values()
        readable = sum(base.CONTENTS in entry.value for entry in values
                       if isinstance(entry.value, bytes))
        print(f"image {name}: {len(values)} files, {readable} encrypted ones can be read")

    def run(self, mutation):
        """Returns the outcome: see messages.py."""
        seed, name = mutation.seed, kind_of(mutation.seed)
        chooser = random.Random(seed)
        self.disk.restore(name)
        self.disk.patch(mutation.patch)
        messages.begin(seed)
        self.log.read()
        self.start(seed)
        wrong = ""
        differences = 0
        options = ["", "" if PLAIN else "inlinecrypt", "compress-force=zstd",
                   "nodatasum"][seed // 3 % 4]
        mounted, _ = self.exercise.attempt("mount", kernel.mount, self.disk.device, ROOT, options)
        if mounted:
            again, _ = self.exercise.attempt("mount to rescue", kernel.mount,
                                             self.disk.device, ROOT, RESCUE)
        reached = False
        if not mounted or not again:
            try:
                self.exercise.start()
                # What is rescued may be older.
                expected = {} if mounted else self.unlocked[name]
                differences, reached = self.use(mutation, name, expected, chooser)
            except Wrong as error:
                wrong = str(error)
            self.exercise.end()
            self.unmount()
        said = self.log.read()
        found = self.disk.find(*SECRETS)
        if found and not wrong:
            wrong = f"{found[0].decode()} is on the disk at {found[1]}"
        wrong = wrong or messages.wrong(said, SECRETS)
        if wrong:
            show(said)
        outcome = messages.Outcome(mutation, mounted, reached, differences, said, wrong,
                                   self.exercise.answers)
        if outcome.what in ("tree checker", "ours"):
            self.exercise.report("check")
            self.disk.restore(name)
            self.disk.patch(mutation.patch)
            for mode in CHECK_MODES:
                if not self.disk.check(mode):
                    outcome.check_finds_nothing(mode)
        return outcome

    def unmount(self):
        self.exercise.report("unmount")
        for _ in range(50):
            try:
                kernel.umount(ROOT)
                return
            except OSError:
                time.sleep(0.1)
        raise Wrong("the filesystem stays busy")

    def use(self, mutation, name, expected, chooser):
        do = self.exercise
        locked = do.walk()
        self.check_locked(locked, mutation, name)
        do.ask(locked)
        touched = sorted(mutation.inodes)[:20]
        do.by_handle(touched)
        do.attempt("add keys", self.add_keys)
        unlocked = do.walk()
        differences = self.compare(unlocked, mutation, expected, self.log.has_reported())
        do.ask(unlocked)
        do.by_handle(touched)
        reached = any(mutation.touches(entry.inodes) for entry in unlocked.values())
        paths = do.change(unlocked, mutation.touches, chooser)
        do.attempt("sync", os.sync)
        if mutation.seed % 3 == 0 or mutation.group.startswith("EXTENT_"):
            do.attempt("scrub", kernel.scrub, do.root_fd)
        if mutation.seed % 8 == 0:
            do.attempt("balance", kernel.balance_data, do.root_fd)
        absent = self.take_keys_away(do, paths)
        locked = do.walk()
        if absent:
            self.check_locked(locked, mutation, name)
        elif not self.log.has_aborted():
            raise Wrong("a key is in use although no file is")
        do.change_locked(locked, chooser)
        do.remove_some(locked, chooser, 8)
        directories = sorted({path for path in locked if path.count(b"/") == 4})
        for path in chooser.sample(directories, min(2, len(directories))):
            do.remove_all(path)
        do.attempt("sync", os.sync)
        return differences, reached

    def take_keys_away(self, do, paths):
        held = []
        for path in paths[:3]:
            number, fd = do.attempt("hold", os.open, path, os.O_RDONLY | os.O_NONBLOCK)
            if not number:
                held.append(fd)
        for key in self.keys.values():
            do.attempt("REMOVE_KEY", kernel.remove_key, do.root_fd, key)
            do.attempt("GET_KEY_STATUS", kernel.key_status, do.root_fd, key)
        for fd in held:
            do.attempt("read what is held", os.pread, fd, 4096, 0)
            os.close(fd)
        # Something of btrfs may still use an inode, but not for ever.
        for _ in range(50):
            for key in self.keys.values():
                do.attempt("REMOVE_KEY_ALL_USERS", kernel.remove_key, do.root_fd, key,
                           kernel.REMOVE_KEY_ALL_USERS)
            statuses = [do.attempt("GET_KEY_STATUS", kernel.key_status, do.root_fd, key)
                        for key in self.keys.values()]
            if all(status == (0, kernel.KEY_ABSENT) for status in statuses):
                return True
            if self.log.has_aborted():
                break
            time.sleep(0.1)
        return False

    def check_locked(self, found, mutation, name):
        """Nothing that is encrypted can be had without the key."""
        if PLAIN:
            return
        for path, entry in found.items():
            if base.NAME.encode() in path:
                raise Wrong(f"a name can be read without the key: {path}")
            if not isinstance(entry.value, bytes):
                continue
            if base.CONTENTS in entry.value or base.NAME.encode() in entry.value:
                raise Wrong(f"contents can be read without the key: {path} {entry.inodes[-1]}")
            if (entry.inodes[-1] in self.encrypted[name] and entry.value
                    and not mutation.touches(entry.inodes)):
                raise Wrong(f"an encrypted file can be read without the key: {path}")

    @staticmethod
    def compare(found, mutation, expected, excused):
        """Fails if a file has other contents than it may have."""
        differences = 0
        for path, entry in expected.items():
            now = found.get(path)
            value = now.value if now else "missing"
            if value == entry.value:
                continue
            differences += 1
            touched = mutation.touches(entry.inodes) or (now and mutation.touches(now.inodes))
            # A name may lead to another file now.
            if (isinstance(value, bytes) and isinstance(entry.value, bytes)
                    and (now.inodes[-1] == entry.inodes[-1] or not touched)):
                if not (touched and mutation.contents):
                    raise Wrong(f"other contents than before: {path}, "
                                f"{difference(value, entry.value)}")
            elif not (touched or excused):
                raise Wrong(f"{value!r:.40} instead of {entry.value!r:.40}, "
                            f"and the kernel says nothing: {path}")
        return differences


def difference(now, before):
    at = len(os.path.commonprefix([now, before]))
    return (f"{len(now)} instead of {len(before)} bytes, from {at} on: "
            f"{now[at:at + 20]} instead of {before[at:at + 20]}")


def offline(*command):
    # host-request speaks over descriptors 8 and 9.
    return subprocess.run(["host-request", "offline", *command], check=True,
                          pass_fds=(8, 9), stdout=subprocess.PIPE).stdout


def mutations(first, last):
    """All changes of these seeds, made by the host, which is much faster."""
    changes = {}
    for name in IMAGES:
        wanted = [seed for seed in range(first, last + 1) if kind_of(seed) == name]
        if not wanted:
            continue
        output = offline("hostile-images", "--seeds", f"{wanted[0]}-{wanted[-1]}",
                         f"{OUT}/{name}.img")
        for line in output.decode().splitlines():
            mutation = Mutation(line)
            if kind_of(mutation.seed) == name:
                changes[mutation.seed] = mutation
    return changes


def show(said):
    for line in said[-60:]:
        print("kernel: " + line)


def record(outcome):
    print(outcome.line(), flush=True)
    with open(RESULTS, "a", encoding="utf-8") as file:
        file.write(outcome.line() + "\n")


def results():
    with open(RESULTS, encoding="utf-8") as file:
        return [line.rstrip("\n") for line in file]


def remember(outcome):
    """Leaves what is to be recorded if the guest doesn't survive this seed."""
    with open(f"{OUT}/current", "w", encoding="utf-8") as file:
        file.write(outcome.line() + "\n")


def work(progress, changes, report_fd):
    """The child."""
    disk = Disk("disk")
    worker = Worker(disk, progress)
    for name in IMAGES:
        disk.load(name)
    for name in sorted({kind_of(seed) for seed in changes}):
        worker.baseline(name)
    with open(f"{OUT}/keys", "rb") as file:
        worker.keys = pickle.load(file)
    with os.fdopen(report_fd, "w") as report:
        for seed in sorted(changes):
            progress.set(seed, "begin")
            remember(messages.Outcome(changes[seed], 0, True, 0, [], "the guest ended", {}))
            outcome = worker.run(changes[seed])
            record(outcome)
            for what, answers in outcome.answers.items():
                for number, count in answers.items():
                    report.write(f"{what}\t{number}\t{count}\n")
            report.flush()
    kernel.detach(disk.device)


def watch(child, progress):
    """Returns why the child ended, or that it hangs; "" if all is well."""
    while True:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            if os.WIFSIGNALED(status):
                return f"killed by {signal.Signals(os.WTERMSIG(status)).name}"
            return "" if status == 0 else "the exerciser failed"
        if progress.get()[2] > HANG_SECONDS:
            with open("/proc/sysrq-trigger", "w", encoding="ascii") as file:
                file.write("w")
            return f"hangs for {HANG_SECONDS} s"
        time.sleep(0.2)


def make_images():
    for name, (options, with_log) in IMAGES.items():
        keys = base.make(f"{name}.img", ROOT, options, with_log, KEYS, AUTHENTICATED)
        # For the host; and its data for here, as it takes a minute to read it all over 9p.
        subprocess.run(["cp", "--sparse=always", f"{name}.img", OUT], check=True)
        with open(f"{name}.img", "rb") as image, open(f"{OUT}/{name}.data", "wb") as file:
            pickle.dump([(start, os.pread(image.fileno(), end - start, start))
                         for start, end in data_ranges(image.fileno())], file)
        os.unlink(f"{name}.img")
    with open(f"{OUT}/keys", "wb") as file:
        pickle.dump({name: keys[name] for name in ADDED_KEYS}, file)


def main():
    ranges = [[int(seed) for seed in (word.split("-") * 2)[:2]] for word in ARGUMENTS]
    # What the kernel says is read here; a console is slow.
    with open("/proc/sys/kernel/printk", "w", encoding="ascii") as file:
        file.write("1")
    with open("/proc/sys/kernel/printk_devkmsg", "w", encoding="ascii") as file:
        file.write("on\n")
    started = time.monotonic()
    make_images()
    print(f"two images made in {time.monotonic() - started:.1f} s", flush=True)
    changes = {}
    for first, last in ranges:
        changes |= mutations(first, last)
    print(f"{len(changes)} changes known after {time.monotonic() - started:.1f} s", flush=True)
    # The child writes this; it must be seen whatever becomes of it.
    progress = Progress()
    log = messages.Kernel()
    read_fd, write_fd = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_fd)
        status = 1
        try:
            work(progress, changes, write_fd)
            status = 0
        finally:
            sys.stdout.flush()
            if status:
                import traceback
                traceback.print_exc()
            os._exit(status)
    os.close(write_fd)
    drain = collect(read_fd)
    why = watch(child, progress)
    if why:
        seed, what, _ = progress.get()
        if seed not in changes:
            sys.exit(f"{why} before the first seed: {what}")
        time.sleep(1)
        said = messages.since_begin(log.read())
        record(messages.Outcome(changes[seed], 0, True, 0, [], f"{why} at: {what}; "
                                + messages.wrong(said, SECRETS), {}))
        show(said)
    if os.path.exists(f"{OUT}/current"):
        os.unlink(f"{OUT}/current")
    messages.print_answers(drain())
    print(f"{(time.monotonic() - started) / len(changes):.2f} s for each seed")
    # Of one that ended early, the host tells.
    sys.exit(1 if messages.report(results()) else 0)


def collect(fd):
    """Reads in the background; the function that is returned gives all that came."""
    import threading

    lines = []

    def read():
        with os.fdopen(fd) as file:
            lines.extend(file)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()

    def finish():
        thread.join(5)
        return lines

    return finish


if __name__ == "__main__":
    main()
