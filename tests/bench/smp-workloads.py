#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs parallel workloads in a guest with several CPUs: see tests/bench/smp.

Each CPU's clock takes samples of what the CPU executes, 250 in a second.  That the
CPUs are emulated, and perhaps not all at once, makes no difference to where the
cipher runs, but can make the waiting for a lock longer than it would be.
"""

import contextlib
import ctypes
import mmap
import os
import re
import struct
import sys
import time

import workloads
from workloads import BLOCK, DIRECTORY, MIB, POOL_SIZE

TARGETS = ["btrfs-encrypted", "btrfs-dmcrypt"]
FILE = f"{DIRECTORY}/file"
READERS = 4
CPUS = range(os.cpu_count())
# A CPU counts that has at least this share of the samples in the cipher.
SHARE = 0.05

PERF_EVENT_OPEN = 298
PERF_TYPE_SOFTWARE = 1
PERF_COUNT_SW_CPU_CLOCK = 0
PERF_SAMPLE_IP = 1
PERF_RECORD_SAMPLE = 9
PERF_ATTR_SIZE = 136
PERF_FREQUENCY = 1 << 10
SAMPLES_IN_A_SECOND = 250
RING_BYTES = 1024 * mmap.PAGESIZE


def symbols():
    """Yields the name, the address and the end of each function of the kernel."""
    with open("/proc/kallsyms", encoding="ascii") as file:
        found = sorted((int(line.split()[0], 16), line.split()[2]) for line in file)
    for (address, name), (end, _) in zip(found, found[1:]):
        yield name, address, end


CIPHER = [(address, end) for name, address, end in symbols()
          if re.match("aes_xts_(en|de)crypt_", name)]


class Sampler:
    """Samples of one CPU."""

    def __init__(self, cpu):
        attributes = struct.pack("IIQQQQQ", PERF_TYPE_SOFTWARE, PERF_ATTR_SIZE,
                                 PERF_COUNT_SW_CPU_CLOCK, SAMPLES_IN_A_SECOND,
                                 PERF_SAMPLE_IP, 0, PERF_FREQUENCY)
        libc = ctypes.CDLL(None, use_errno=True)
        self.fd = libc.syscall(PERF_EVENT_OPEN, attributes.ljust(PERF_ATTR_SIZE, b"\0"),
                               -1, cpu, -1, 0)
        if self.fd < 0:
            sys.exit(f"error: perf_event_open: {os.strerror(ctypes.get_errno())}")
        self.ring = mmap.mmap(self.fd, mmap.PAGESIZE + RING_BYTES)

    def addresses(self):
        """Returns what was executed whenever a sample was taken, and closes it."""
        head, = struct.unpack_from("Q", self.ring, 1024)
        if head > RING_BYTES:
            sys.exit("error: too many samples")
        at, found = mmap.PAGESIZE, []
        while at < mmap.PAGESIZE + head:
            kind, _, size = struct.unpack_from("IHH", self.ring, at)
            if kind == PERF_RECORD_SAMPLE:
                found += struct.unpack_from("Q", self.ring, at + 8)
            at += size
        self.ring.close()
        os.close(self.fd)
        return found


class LockStatistics:
    """How long tasks wait for the locks of the module and hold them, if the kernel has
    CONFIG_LOCK_STAT.
    """

    path = "/proc/lock_stat"

    def __init__(self):
        self.available = os.path.exists(self.path)

    def switch(self, on):
        if self.available:
            with open("/proc/sys/kernel/lock_stat", "w", encoding="ascii") as file:
                file.write(str(on))

    def start(self):
        if self.available:
            with open(self.path, "w", encoding="ascii") as file:
                file.write("0")
        self.switch(1)

    def stop(self):
        self.switch(0)

    def print(self, seconds):
        if not self.available:
            return
        with open(self.path, encoding="ascii") as file:
            # Numbers of bounces and contentions; the wait's minimum, maximum, sum and
            # mean; numbers of bounces and acquisitions; the same for holding.
            lines = re.findall(r"^ *(fscrypt_extent::\w+): +(\d.*)", file.read(), re.MULTILINE)
        for name, line in lines:
            figures = [float(word) for word in line.split()]
            waited = figures[4] / 1e6 / seconds / len(CPUS)
            held = figures[10] / 1e6 / seconds
            print(f"  {name}: acquired {figures[7]:,.0f} times, held for {held:.2%} of the "
                  f"time, waited for during {waited:.2%} of the CPUs' time", flush=True)


@contextlib.contextmanager
def measured(target, workload, lock_statistics):
    samplers = [Sampler(cpu) for cpu in CPUS]
    lock_statistics.start()
    start = time.monotonic()
    yield
    seconds = time.monotonic() - start
    lock_statistics.stop()
    hits = [sum(any(a <= ip < b for a, b in CIPHER) for ip in sampler.addresses())
            for sampler in samplers]
    used = sum(count >= SHARE * sum(hits) > 0 for count in hits)
    print(f"{target}, {workload}: the cipher ran on {used} CPUs, in {sum(hits)} samples:",
          *hits, f"in {seconds:.1f} s", flush=True)
    lock_statistics.print(seconds)


def in_parallel(count, work):
    children = []
    for number in range(count):
        child = os.fork()
        if not child:
            work(number)
            os._exit(0)
        children.append(child)
    if any(os.waitpid(child, 0)[1] for child in children):
        sys.exit("error: a process failed")


def write():
    file = os.open(FILE, os.O_WRONLY | os.O_CREAT)
    workloads.write(file, workloads.MEBIBYTES, os.urandom(MIB))
    os.close(file)


def read():
    file = os.open(FILE, os.O_RDONLY)
    workloads.read(file, workloads.MEBIBYTES, bytearray(MIB))
    os.close(file)


def read_randomly(number):
    """A share of the file's blocks, so that none is read from the cache."""
    file = os.open(FILE, os.O_RDONLY)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_RANDOM)
    offsets = workloads.random_blocks("smp")[number::READERS]
    workloads.read(file, offsets, bytearray(BLOCK))
    os.close(file)


def main():
    workloads.make_disk()
    lock_statistics = LockStatistics()
    for name in TARGETS:
        target = workloads.Target(name)
        with measured(name, "a buffered writer", lock_statistics):
            write()
        target.remount(POOL_SIZE)
        with measured(name, "a reader of 1 MiB", lock_statistics):
            read()
        target.remount(POOL_SIZE)
        with measured(name, f"{READERS} random readers", lock_statistics):
            in_parallel(READERS, read_randomly)
        target.remove()


if __name__ == "__main__":
    main()
