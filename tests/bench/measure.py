#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Measures what encryption costs: see Documentation/testing.rst, "Benchmarks".

Runs in the build root.  Builds the unpatched kernel if need be, runs the
workloads in a guest with the patched kernel and in one with that, prints a
table and writes BUILD/bench.json.
"""

import json
import os
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, "tests/vm")
import guest  # noqa: E402

BUILD = guest.BUILD
PATCHED = f"{BUILD}/kernel"
UNPATCHED = f"{BUILD}/kernel-unpatched"
STEPS = 4

WORKLOADS = ["write", "read", "randread", "randwrite", "fragread", "fragrandread"]
TARGETS = ["btrfs", "btrfs-dmcrypt", "btrfs-encrypted", "ext4", "ext4-encrypted"]

# What issue and design demand.
MOST_OF_DM_CRYPT = 1.2
MOST_OF_UNPATCHED = 0.005
MOST_EXTENT_MAP_BYTES = 24


def step(number, text):
    print(f"[{number}/{STEPS}] {text}", flush=True)


def make(log, what, *command):
    """Runs a command with its output in BUILD/log."""
    path = f"{BUILD}/log/{log}"
    with open(path, "w", encoding="utf-8") as file:
        if subprocess.run(command, stdin=subprocess.DEVNULL, stdout=file,
                          stderr=file, check=False).returncode:
            sys.exit(f"error: {what} failed; the log is {path}")


def build_cipher_module():
    os.makedirs(f"{BUILD}/bench", exist_ok=True)
    make("bench_cipher.log", "the build of bench_cipher.ko", "make", "-C", PATCHED,
         f"M={os.getcwd()}/tests/bench/cipher", f"MO={BUILD}/bench", "LLVM=1", "modules")


class Measurement:
    """A guest that runs workloads.py, and what that reports."""

    def __init__(self, kernel, targets):
        guest.KERNEL_DIR = kernel
        self.machine = guest.Guest(
            "bench", icount=True, load_module=kernel == PATCHED,
            cmdline=f"BENCH_TARGETS={','.join(targets)}")
        self.machine.on_output = self.take
        self.unread = b""
        self.rows = []
        self.bytes = {}

    def take(self, data):
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            text = line.decode("utf-8", "replace")
            if not text.startswith("{"):
                print(f"  {text}", flush=True)
                continue
            report = json.loads(text)
            if "workload" in report:
                self.rows.append(report)
                print(f"  {report['target']:16} {report['workload']:13} "
                      f"{report['insn_per_4k']:>8,}", flush=True)
            else:
                self.bytes.update(report)

    def run(self):
        try:
            self.machine.boot("tcg")
            status = self.machine.run(f"{guest.REPO}/tests/bench/workloads.py")
        except (guest.GuestDied, TimeoutError) as error:
            sys.exit(f"error: {error or 'the guest does not answer'}")
        finally:
            if os.path.exists(self.machine.console):
                shutil.copy(self.machine.console, f"{BUILD}/log/bench.console")
            self.machine.end()
        if status:
            sys.exit(f"error: the workloads failed; the kernel's messages are in "
                     f"{BUILD}/log/bench.console")


def print_table(title, heads, lines):
    """Prints a table: its first column is text, the others are figures."""
    print(f"\n{title}\n")
    widths = [max(len(word) for word in column) for column in zip(heads, *lines)]
    for line in [heads, ["-" * width for width in widths], *lines]:
        first, *others = (word.ljust(width) if index == 0 else word.rjust(width)
                          for index, (word, width) in enumerate(zip(line, widths)))
        print("  ".join([first, *others]))


class Results:
    """The rows by workload and target."""

    def __init__(self, rows):
        self.cost = {(row["workload"], row["target"]): row["insn_per_4k"] for row in rows}
        self.cipher = self.cost["cipher", "cipher"]

    def added(self, workload, target):
        """Returns what the target costs more than the plain filesystem."""
        plain = target.partition("-")[0]
        return self.cost[workload, target] - self.cost[workload, plain]

    def of_dm_crypt(self, workload):
        return (self.added(workload, "btrfs-encrypted") /
                self.added(workload, "btrfs-dmcrypt"))

    def of_unpatched(self, workload):
        return self.cost[workload, "btrfs"] / self.cost[workload, "btrfs-unpatched"] - 1

    def print_costs(self):
        targets = ["btrfs-unpatched", *TARGETS]
        print_table(
            "Busy instructions per 4 KiB", ["workload", *targets],
            [[workload, *(f"{self.cost[workload, target]:,}" for target in targets)]
             for workload in WORKLOADS])

    def print_added(self):
        encrypted = ["btrfs-dmcrypt", "btrfs-encrypted", "ext4-encrypted"]
        lines = []
        for workload in WORKLOADS:
            line = [workload]
            for target in encrypted:
                added = self.added(workload, target)
                line += [f"{added:,}", f"{added / self.cipher:.2f}"]
            lines.append([*line, f"{self.of_dm_crypt(workload):.2f}",
                          f"{self.of_unpatched(workload):+.2%}"])
        heads = ["workload"]
        for target in encrypted:
            heads += [target, "/cipher"]
        print_table(
            f"Added by encryption, over plain on the same filesystem; the cipher alone: "
            f"{self.cipher:,}", [*heads, "encrypted/dmcrypt", "patched/unpatched"], lines)

    def print_limits(self, patched_bytes, unpatched_bytes):
        """Says what holds.  A figure is for a person to judge, not a test."""
        limit("encrypted btrfs adds at most "
              f"{MOST_OF_DM_CRYPT:.2f} times what dm-crypt adds",
              [f"{workload} {self.of_dm_crypt(workload):.2f}" for workload in WORKLOADS
               if self.of_dm_crypt(workload) > MOST_OF_DM_CRYPT])
        limit("plain btrfs costs on the patched kernel what it costs on the unpatched "
              f"one, within {MOST_OF_UNPATCHED:.1%}",
              [f"{workload} {self.of_unpatched(workload):+.2%}" for workload in WORKLOADS
               if abs(self.of_unpatched(workload)) > MOST_OF_UNPATCHED])
        grown = patched_bytes["extent_map"] - unpatched_bytes["extent_map"]
        limit(f"an extent_map ({patched_bytes['extent_map']} bytes) has grown by at most "
              f"{MOST_EXTENT_MAP_BYTES} bytes",
              [f"{grown} bytes"] if grown > MOST_EXTENT_MAP_BYTES else [])


def limit(what, exceeded):
    print(f"{'no: ' if exceeded else 'yes:'} {what}"
          f"{': ' if exceeded else ''}{', '.join(exceeded)}")


def main():
    if guest.KERNEL != "normal":
        sys.exit("error: the debug kernel's figures say nothing: run make bench without KERNEL=")
    guest.remove_stale_directories()
    step(1, f"the module that measures the cipher: {BUILD}/bench/bench_cipher.ko")
    build_cipher_module()
    step(2, "the unpatched kernel")
    if subprocess.run(["tests/bench/unpatched-kernel"], check=False).returncode:
        sys.exit(1)
    step(3, "the patched kernel, busy instructions per 4 KiB")
    patched = Measurement(PATCHED, ["cipher", *TARGETS])
    patched.run()
    step(4, "the unpatched kernel")
    unpatched = Measurement(UNPATCHED, ["btrfs"])
    unpatched.run()
    for row in unpatched.rows:
        row["target"] = "btrfs-unpatched"
    rows = patched.rows + unpatched.rows

    results = Results(rows)
    results.print_costs()
    results.print_added()
    print(f"\nbytes for each cipher in the pool: {patched.bytes['cipher']:,}\n")
    results.print_limits(patched.bytes, unpatched.bytes)
    path = f"{BUILD}/bench.json"
    with open(path + ".partial", "w", encoding="utf-8") as file:
        json.dump({"rows": rows}, file, indent=1)
        file.write("\n")
    os.replace(path + ".partial", path)
    print(f"\n{path} has the rows")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
