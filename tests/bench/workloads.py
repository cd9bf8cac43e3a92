#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the workloads in the guest: see Documentation/testing.rst, "Benchmarks".

BENCH_TARGETS, from the kernel's command line, has the targets, separated by
commas.  Prints JSON objects, one in a line: a row or another part of
BUILD/bench.json.
"""

import collections
import json
import mmap
import os
import random
import re
import resource
import signal
import statistics
import subprocess
import sys
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "../guest/lib"))
import kernel  # noqa: E402

DISK = "/dev/ram0"
DISK_MIB = 512
MOUNT_POINT = os.environ["TEST_DIR"]
DIRECTORY = f"{MOUNT_POINT}/dir"
SNAPSHOT = f"{MOUNT_POINT}/snapshot"
STATS = "/sys/kernel/debug/fscrypt_extent/stats"
CACHE_SUITE = "/sys/kernel/debug/kunit/fscrypt_extent_cache/run"
SCHEDULER_FEATURES = "/sys/kernel/debug/sched/features"

KIB = 1 << 10
MIB = 1 << 20
FILE_SIZE = 96 * MIB
BLOCK = 4 * KIB
RANDOM_OPERATIONS = 4096
EXTENTS = 20000
# The default, and one that has a cipher for every extent.
POOL_SIZE = 128
LARGE_POOL_SIZE = 20480
# In which order threads run is chance, and btrfs waits for ticks of the clock
# when it runs short of metadata reservations, as it does in randwrite: a round
# alone is off by up to 1 % there.
ROUNDS = 8

MASTER_KEY = bytes(range(64))
# How many there are when files are opened.
MANY_KEYS = 20000
INODES = 3 * MANY_KEYS


def run(*command):
    """Returns the command's output."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode:
        sys.exit(f"error: {' '.join(command)}: {done.stderr.decode().strip()}")
    return done.stdout.decode()


def report(**row):
    """Hands a result to the program that runs the guest."""
    print(json.dumps(row), flush=True)


class IdleProcess:
    """Uses up what CPU time nothing else wants, and so measures it.

    The kernel's own figures won't do: idle time is counted in ticks, or where
    the tick is stopped with the interrupts that it includes.
    """

    def __init__(self):
        # Else a thread that goes to sleep with negative lag stays queued for a
        # while if there is a runnable process, which there is only because of
        # this one.  That makes up to 1 % of a random read.
        with open(SCHEDULER_FEATURES, "w", encoding="ascii") as features:
            features.write("NO_DELAY_DEQUEUE")
        self.pid = os.fork()
        if not self.pid:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            while True:
                pass
        os.kill(self.pid, signal.SIGSTOP)
        # CPUCLOCK_SCHED of that process, as clock_getcpuclockid(3) makes it
        self.clock = ~self.pid << 3 | 2

    def busy_nanoseconds(self, work):
        """Returns for how long the CPU was not idle while work() ran."""
        os.kill(self.pid, signal.SIGCONT)
        idle = time.clock_gettime_ns(self.clock)
        start = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)
        work()
        elapsed = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) - start
        idle = time.clock_gettime_ns(self.clock) - idle
        os.kill(self.pid, signal.SIGSTOP)
        return elapsed - idle


def random_blocks(seed):
    """Returns the offsets of distinct blocks, always the same for a seed."""
    blocks = random.Random(seed).sample(range(FILE_SIZE // BLOCK), RANDOM_OPERATIONS)
    return [block * BLOCK for block in blocks]


def write(file, offsets, data):
    for offset in offsets:
        os.pwrite(file, data, offset)
    os.fsync(file)


def read(file, offsets, buffer):
    for offset in offsets:
        os.preadv(file, [buffer], offset)


def read_beside_writes(file, offsets, buffer):
    """Reads the first HOT blocks again and again, and writes the others once each."""
    hot, new = offsets[:HOT], offsets[HOT:]
    for number, offset in enumerate(new):
        os.pwritev(file, [buffer], offset)
        os.preadv(file, [buffer], hot[number % HOT])


def send(_file, _offsets, _buffer):
    """Sends SNAPSHOT to memory: the kernel can't write to /dev/null."""
    snapshot, stream = os.open(SNAPSHOT, os.O_RDONLY), os.memfd_create("stream")
    kernel.send(snapshot, stream)
    os.close(stream)
    os.close(snapshot)


class Workload:
    """What is done to a file."""

    def __init__(self, name, work, offsets, size, file="file", warm=False, direct=False):
        self.name = name
        self.work = work
        self.offsets = offsets
        self.size = size
        self.file = f"{DIRECTORY}/{file}"
        # With the keys of all extents set: it is done once before, with the file
        # held open, and then only the page cache is dropped.
        self.warm = warm
        self.pool_size = LARGE_POOL_SIZE if warm else POOL_SIZE
        self.flags = os.O_DIRECT if direct else 0


MEBIBYTES = range(0, FILE_SIZE, MIB)
RANDREAD, RANDWRITE, FRAGRANDREAD = map(random_blocks, ["randread", "randwrite", "fragrandread"])
# There is a hole after each, so each is an extent.
SPARSE = range(0, 2 * BLOCK * EXTENTS, 2 * BLOCK)
SHUFFLED = random.Random("missread").sample(SPARSE, EXTENTS)
# Extents that are read again and again, with others that are written.
HOT = 100
BESIDE = random.Random("beside").sample(SPARSE, HOT + RANDOM_OPERATIONS // 2)
# One after the other on the same file.
WORKLOADS = [
    Workload("write", write, MEBIBYTES, MIB),
    Workload("read", read, MEBIBYTES, MIB),
    Workload("randread", read, RANDREAD, BLOCK),
    Workload("randwrite", write, RANDWRITE, BLOCK),
    Workload("fragread", read, MEBIBYTES, MIB),
    Workload("fragrandread", read, FRAGRANDREAD, BLOCK),
    Workload("fragread-warm", read, MEBIBYTES, MIB, warm=True),
    Workload("fragrandread-warm", read, FRAGRANDREAD, BLOCK, warm=True),
]
# The last of them for btrfs, which sends a snapshot with that file and nothing else.
SEND = Workload("send", send, MEBIBYTES, MIB)
# One after the other on another file.  Nothing but btrfs has keys of extents.
EXTENT_WORKLOADS = [
    Workload("missread", read, SHUFFLED, BLOCK, file="extents"),
    Workload("hitread", read, SHUFFLED, BLOCK, file="extents", warm=True),
    Workload("hitread-beside-randwrite", read_beside_writes, BESIDE, BLOCK, file="extents",
             direct=True),
]


def add_key(raw):
    """Adds a key to the filesystem and returns its identifier."""
    mount_point = os.open(MOUNT_POINT, os.O_RDONLY)
    identifier = kernel.add_key(mount_point, raw)
    os.close(mount_point)
    return identifier


def make_directory(name, identifier, authenticated=False):
    """Makes a directory with that key."""
    os.mkdir(name)
    directory = os.open(name, os.O_RDONLY)
    kernel.set_policy(directory, identifier, authenticated)
    os.close(directory)


class Target:
    """A filesystem on the RAM disk, with a directory that is encrypted or not."""

    def __init__(self, name, pool_size=POOL_SIZE):
        self.filesystem, _, how = name.partition("-")
        self.authenticated = how == "authenticated"
        self.encrypted = how == "encrypted" or self.authenticated
        self.device = DISK
        if how == "dmcrypt":
            self.device = self.make_dm_crypt()
        self.pool_size = None
        self.make_filesystem()
        self.mount(pool_size)
        if self.encrypted:
            make_directory(DIRECTORY, self.key, self.authenticated)
        else:
            os.mkdir(DIRECTORY)

    @staticmethod
    def make_dm_crypt():
        """As cryptsetup does on a disk whose physical blocks are this large."""
        sectors = run("blockdev", "--getsz", DISK).strip()
        run("dmsetup", "create", "bench", "--table",
            f"0 {sectors} crypt aes-xts-plain64 {MASTER_KEY.hex()} 0 {DISK} 0 "
            f"1 sector_size:{BLOCK}")
        return "/dev/mapper/bench"

    def make_filesystem(self):
        """A discard would free the pages of the RAM disk."""
        if self.filesystem == "btrfs":
            run("mkfs.btrfs", "-q", "-f", "-K", self.device)
        else:
            features = ["-O", "encrypt"] if self.encrypted else []
            run("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), "-N", str(INODES), *features, "-E",
                "nodiscard,lazy_itable_init=0,lazy_journal_init=0", self.device)

    def mount(self, pool_size):
        if self.encrypted and pool_size != self.pool_size:
            run("modprobe", "-r", "fscrypt_extent")
            run("modprobe", "fscrypt_extent", f"pool_size={pool_size}")
            self.pool_size = pool_size
        run("mount", "-t", self.filesystem, "-o", "nodiscard,noatime", self.device,
            MOUNT_POINT)
        if self.encrypted:
            self.key = add_key(MASTER_KEY)

    def remount(self, pool_size):
        """Makes every cache of the filesystem cold, and no other."""
        run("umount", MOUNT_POINT)
        self.mount(pool_size)

    def misses(self):
        """Returns how many keys of extents have been derived and set so far."""
        if not (self.encrypted and self.filesystem == "btrfs"):
            return 0
        with open(STATS, encoding="ascii") as file:
            return int(re.search(r"^misses (\d+)$", file.read(), re.MULTILINE)[1])

    def measure(self, idle_process, workload):
        """Returns the instructions and the misses for each 4 KiB."""
        offsets, size = workload.offsets, workload.size
        # Direct I/O needs whole pages.
        data = mmap.mmap(-1, size)
        data[:] = random.Random(2).randbytes(size)
        file = os.open(workload.file, os.O_RDWR | os.O_CREAT | workload.flags)
        if size == BLOCK:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
        if workload.warm:
            workload.work(file, offsets, data)
            with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop_caches:
                drop_caches.write("1")
        misses = self.misses()
        busy = idle_process.busy_nanoseconds(lambda: workload.work(file, offsets, data))
        misses = self.misses() - misses
        os.close(file)
        blocks = len(offsets) * size // BLOCK
        return busy // blocks, misses / blocks

    def metadata(self):
        """Returns the bytes of metadata in use, each once."""
        run("sync", "-f", MOUNT_POINT)
        uuid = run("findmnt", "-no", "UUID", MOUNT_POINT).strip()
        with open(f"/sys/fs/btrfs/{uuid}/allocation/metadata/bytes_used",
                  encoding="ascii") as file:
            return int(file.read())

    def remove(self):
        run("umount", MOUNT_POINT)
        if self.device != DISK:
            run("dmsetup", "remove", "bench")


def mean_without_extremes(values):
    return round(statistics.mean(sorted(values)[1:-1]))


def make_snapshot():
    root = os.open(MOUNT_POINT, os.O_RDONLY)
    kernel.snapshot(root, os.path.basename(SNAPSHOT), root, read_only=True)
    os.close(root)


def write_extents():
    file = os.open(f"{DIRECTORY}/extents", os.O_WRONLY | os.O_CREAT)
    write(file, SPARSE, bytes(BLOCK))
    os.close(file)


def measure_target(name, idle_process):
    costs = collections.defaultdict(list)
    misses = {}
    metadata = {}

    def measure(target, workloads):
        for workload in workloads:
            target.remount(workload.pool_size)
            cost, misses[workload.name] = target.measure(idle_process, workload)
            costs[workload.name].append(cost)
            if target.filesystem == "btrfs" and workload.name in ["write", "randwrite"]:
                metadata[workload.name] = target.metadata()

    for number in range(ROUNDS):
        print(f"{name}: round {number + 1} of {ROUNDS}", flush=True)
        target = Target(name)
        measure(target, WORKLOADS)
        if name in ["btrfs", "btrfs-encrypted"]:
            make_snapshot()
            measure(target, [SEND])
            write_extents()
            measure(target, EXTENT_WORKLOADS)
        target.remove()
    for workload, cost in costs.items():
        report(workload=workload, target=name,
               insn_per_4k=mean_without_extremes(cost))
    if name == "btrfs-encrypted":
        report(misses_per_4k=misses)
    if metadata:
        report(metadata={name: metadata})


def make_disk():
    """Makes the RAM disk and writes all of it: a page that is written for the
    first time is allocated and cleared first.
    """
    run("modprobe", "brd", "rd_nr=1", f"rd_size={DISK_MIB * KIB}")
    run("dd", "if=/dev/zero", f"of={DISK}", "bs=1M", f"count={DISK_MIB}", "oflag=direct")


def measure_cipher():
    run("insmod", f"{os.environ['BUILD']}/bench/bench_cipher.ko")
    for workload in ["cipher", "derivation", "setkey"]:
        with open(f"/sys/module/bench_cipher/parameters/{workload}", encoding="ascii") as file:
            report(workload=workload, target="cipher", insn_per_4k=int(file.read()))


def measure_hits():
    """Reports what the engine's test cost_of_hits says."""
    with open(CACHE_SUITE, "w", encoding="ascii") as suite:
        suite.write("1")
    hits = re.findall(r"fscrypt_extent: (.*): get (\d+) ns, of which find (\d+); put (\d+)$",
                      run("dmesg"), re.MULTILINE)
    if not hits:
        sys.exit("error: cost_of_hits has said nothing; see BUILD/log/bench.console")
    report(hits={what: [int(figure) for figure in figures] for what, *figures in hits})


def object_bytes(cache):
    """Returns the size of the objects of a slab cache."""
    with open(f"/sys/kernel/slab/{cache}/object_size", encoding="ascii") as file:
        return int(file.read())


def memory_bytes(name):
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(rf"^{name}:\s+(\d+) kB", file.read(), re.MULTILINE)[1]) * KIB


def slot_bytes():
    """Returns what each cipher of the pool takes, its slot included."""
    ciphers = 20000

    def taken(pool_size):
        target = Target("btrfs-encrypted", pool_size)
        before = memory_bytes("MemFree")
        with open(f"{DIRECTORY}/file", "wb"):
            taken = before - memory_bytes("MemFree")
        target.remove()
        return taken

    taken(1)  # what is taken only once
    return (taken(1 + ciphers) - taken(1)) // ciphers


def open_file_bytes():
    """Returns what an open file takes more if it is encrypted, its handle included."""
    names = [f"{DIRECTORY}/{number:08}" for number in range(20000)]
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * len(names), 2 * len(names)))

    def taken(target_name):
        target = Target(target_name)
        for name in names:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT))
        target.remount(POOL_SIZE)
        files = [os.open(names[0], os.O_RDONLY)]  # makes the pool
        before = memory_bytes("Slab")
        files += [os.open(name, os.O_RDONLY) for name in names[1:]]
        taken = memory_bytes("Slab") - before
        for file in files:
            os.close(file)
        target.remove()
        return taken

    return (taken("btrfs-encrypted") - taken("btrfs")) // len(names)


def open_instructions(idle_process, name, keys):
    """Returns what it takes to open a file whose inode isn't in memory, while files of so
    many directories are open, each with a key of its own if they are encrypted.
    """
    names = [f"{DIRECTORY}/{number}" for number in range(500)]
    target = Target(name)
    for name in names:
        os.close(os.open(name, os.O_WRONLY | os.O_CREAT))
    resource.setrlimit(resource.RLIMIT_NOFILE, (2 * keys + 1000, 2 * keys + 1000))
    files = [os.open(names[0], os.O_RDONLY)]
    for number in range(1, keys):
        directory = f"{MOUNT_POINT}/{number}"
        if target.encrypted:
            make_directory(directory, add_key(number.to_bytes(64, "little")))
        else:
            os.mkdir(directory)
        files.append(os.open(f"{directory}/file", os.O_WRONLY | os.O_CREAT))
    run("sync")
    with open("/proc/sys/vm/drop_caches", "w", encoding="ascii") as drop_caches:
        drop_caches.write("2")

    def open_all():
        for name in names:
            files.append(os.open(name, os.O_RDONLY))

    busy = idle_process.busy_nanoseconds(open_all)
    for file in files:
        os.close(file)
    target.remove()
    return busy // len(names)


def file_extent_item_bytes(name):
    target = Target(name)
    with open(f"{DIRECTORY}/file", "wb") as file:
        file.write(bytes(BLOCK))
    target.remove()
    tree = run("btrfs", "inspect-internal", "dump-tree", "-t", "5", DISK)
    return int(re.search(r" EXTENT_DATA 0\) itemoff \d+ itemsize (\d+)", tree)[1])


def main():
    make_disk()
    idle_process = IdleProcess()
    targets = os.environ["BENCH_TARGETS"].split(",")
    for name in targets:
        if name == "cipher":
            measure_cipher()
            measure_hits()
        else:
            measure_target(name, idle_process)
    report(bytes={"extent map": object_bytes("btrfs_extent_map"),
                  "ordered extent": object_bytes("btrfs_ordered_extent"),
                  "file extent item": file_extent_item_bytes("btrfs")})
    for name in targets:
        if name not in ["cipher", "btrfs-dmcrypt", "btrfs-authenticated"]:
            report(opens={name: [open_instructions(idle_process, name, keys)
                                 for keys in [1, MANY_KEYS]]})
    if "btrfs-encrypted" in targets:
        report(bytes={"file extent item, encrypted": file_extent_item_bytes("btrfs-encrypted"),
                      "slot": slot_bytes(),
                      "open file, encrypted": open_file_bytes()})


if __name__ == "__main__":
    main()
