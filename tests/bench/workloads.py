#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the workloads in the guest: see Documentation/testing.rst, "Benchmarks".

BENCH_TARGETS, from the kernel's command line, has the targets, separated by
commas.  Prints a JSON object a line: a row of BUILD/bench.json, or a size.
"""

import json
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import time

DISK = "/dev/ram0"
DISK_MIB = 512
MOUNT_POINT = os.environ["TEST_DIR"]
DIRECTORY = f"{MOUNT_POINT}/dir"
FILE = f"{DIRECTORY}/file"

KIB = 1 << 10
MIB = 1 << 20
FILE_SIZE = 96 * MIB
BLOCK = 4 * KIB
RANDOM_OPERATIONS = 4096
# In which order threads run is chance, and btrfs waits for ticks of the clock
# when it runs short of metadata reservations, as it does in randwrite: a round
# alone is off by up to 1 % there.
ROUNDS = 8

MASTER_KEY = bytes(range(64))


def run(*command, data=None):
    """Returns the command's output."""
    done = subprocess.run(command, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
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


MEBIBYTES = range(0, FILE_SIZE, MIB)
# One after the other on the same file.
WORKLOADS = [
    ("write", write, MEBIBYTES, MIB),
    ("read", read, MEBIBYTES, MIB),
    ("randread", read, random_blocks("randread"), BLOCK),
    ("randwrite", write, random_blocks("randwrite"), BLOCK),
    ("fragread", read, MEBIBYTES, MIB),
    ("fragrandread", read, random_blocks("fragrandread"), BLOCK),
]


class Target:
    """A filesystem on the RAM disk, with a directory that is encrypted or not."""

    def __init__(self, name):
        self.filesystem, _, how = name.partition("-")
        self.encrypted = how == "encrypted"
        self.device = DISK
        if how == "dmcrypt":
            self.device = self.make_dm_crypt()
        self.make_filesystem()
        self.mount()
        os.mkdir(DIRECTORY)
        if self.encrypted:
            run("xfs_io", "-c", f"set_encpolicy -v 2 {self.key}", DIRECTORY)

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
            run("mkfs.ext4", "-q", "-F", "-b", str(BLOCK), *features, "-E",
                "nodiscard,lazy_itable_init=0,lazy_journal_init=0", self.device)

    def mount(self):
        run("mount", "-t", self.filesystem, "-o", "nodiscard,noatime", self.device,
            MOUNT_POINT)
        if self.encrypted:
            added = run("xfs_io", "-c", "add_enckey", MOUNT_POINT, data=MASTER_KEY)
            self.key = re.search(r"identifier ([0-9a-f]+)", added)[1]

    def remount(self):
        """Makes every cache of the filesystem cold, and no other."""
        run("umount", MOUNT_POINT)
        self.mount()

    def measure(self, idle_process, work, offsets, size):
        """Returns the instructions for each 4 KiB."""
        data = bytearray(random.Random(2).randbytes(size))
        file = os.open(FILE, os.O_RDWR | os.O_CREAT)
        if size == BLOCK:
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
        busy = idle_process.busy_nanoseconds(lambda: work(file, offsets, data))
        os.close(file)
        return busy * BLOCK // (len(offsets) * size)

    def remove(self):
        run("umount", MOUNT_POINT)
        if self.device != DISK:
            run("dmsetup", "remove", "bench")


def mean_without_extremes(values):
    return round(statistics.mean(sorted(values)[1:-1]))


def measure_target(name, idle_process):
    costs = {workload: [] for workload, *_ in WORKLOADS}
    for number in range(ROUNDS):
        print(f"{name}: round {number + 1} of {ROUNDS}", flush=True)
        target = Target(name)
        for workload, *how in WORKLOADS:
            target.remount()
            costs[workload].append(target.measure(idle_process, *how))
        target.remove()
    for workload, cost in costs.items():
        report(workload=workload, target=name,
               insn_per_4k=mean_without_extremes(cost))


def make_disk():
    """Makes the RAM disk and writes all of it: a page that is written for the
    first time is allocated and cleared first.
    """
    run("modprobe", "brd", "rd_nr=1", f"rd_size={DISK_MIB * KIB}")
    run("dd", "if=/dev/zero", f"of={DISK}", "bs=1M", f"count={DISK_MIB}", "oflag=direct")


def measure_cipher():
    run("insmod", f"{os.environ['BUILD']}/bench/bench_cipher.ko")
    with open("/sys/module/bench_cipher/parameters/nanoseconds", encoding="ascii") as file:
        report(workload="cipher", target="cipher", insn_per_4k=int(file.read()))


def extent_map_bytes():
    with open("/sys/kernel/slab/btrfs_extent_map/object_size", encoding="ascii") as file:
        return int(file.read())


def free_bytes():
    with open("/proc/meminfo", encoding="ascii") as file:
        return int(re.search(r"MemFree:\s+(\d+) kB", file.read())[1]) * KIB


def bytes_taken(ciphers):
    """Returns what a filesystem with an encrypted file takes, with that pool."""
    run("modprobe", "-r", "fscrypt_extent")
    run("modprobe", "fscrypt_extent", f"pool_size={ciphers}")
    before = free_bytes()
    target = Target("btrfs-encrypted")
    with open(FILE, "wb"):
        taken = before - free_bytes()
    target.remove()
    return taken


def cipher_bytes():
    """Returns what each cipher of the pool takes, its slot included."""
    ciphers = 20000
    bytes_taken(1)  # what is taken only once
    return (bytes_taken(1 + ciphers) - bytes_taken(1)) // ciphers


def main():
    make_disk()
    idle_process = IdleProcess()
    targets = os.environ["BENCH_TARGETS"].split(",")
    for name in targets:
        if name == "cipher":
            measure_cipher()
        else:
            measure_target(name, idle_process)
    report(extent_map=extent_map_bytes())
    if "btrfs-encrypted" in targets:
        report(cipher=cipher_bytes())


if __name__ == "__main__":
    main()
