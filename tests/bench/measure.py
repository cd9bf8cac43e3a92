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

TARGETS = ["btrfs", "btrfs-dmcrypt", "btrfs-encrypted", "btrfs-authenticated", "ext4",
           "ext4-encrypted"]
ENCRYPTED = ["btrfs-dmcrypt", "btrfs-encrypted", "btrfs-authenticated", "ext4-encrypted"]
FILE_SIZE = 96 << 20

MOST_OF_UNPATCHED = 0.005


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
        self.machine = guest.QemuGuest(
            "bench", kernel=kernel, icount=True, load_module=kernel == PATCHED,
            cmdline=f"BENCH_TARGETS={','.join(targets)} kunit.enable=1 kunit.autorun=0")
        self.machine.on_output = self.take
        self.unread = b""
        self.rows = []
        self.misses_per_4k = {}
        self.opens = {}
        self.hits = {}
        self.metadata = {}
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
                print(f"  {report['target']:16} {report['workload']:17} "
                      f"{report['insn_per_4k']:>8,}", flush=True)
            self.misses_per_4k.update(report.get("misses_per_4k", {}))
            self.opens.update(report.get("opens", {}))
            self.hits.update(report.get("hits", {}))
            self.metadata.update(report.get("metadata", {}))
            self.bytes.update(report.get("bytes", {}))

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


def figure(value):
    return "" if value is None else f"{value:,}"


class Results:
    """The rows by workload and target."""

    def __init__(self, rows, misses_per_4k):
        self.cost = {(row["workload"], row["target"]): row["insn_per_4k"] for row in rows}
        self.misses_per_4k = misses_per_4k
        self.cipher = self.cost["cipher", "cipher"]
        self.miss = self.cost["derivation", "cipher"] + self.cost["setkey", "cipher"]
        self.workloads = [row["workload"] for row in rows if row["target"] == "btrfs"]

    def added(self, workload, target="btrfs-encrypted"):
        """Returns what the target costs more than the plain filesystem, or None."""
        plain = target.partition("-")[0]
        if (workload, target) not in self.cost:
            return None
        return self.cost[workload, target] - self.cost[workload, plain]

    def print_costs(self):
        targets = ["btrfs-unpatched", *TARGETS]
        print_table(
            "Busy instructions per 4 KiB", ["workload", *targets],
            [[workload, *(figure(self.cost.get((workload, target))) for target in targets)]
             for workload in self.workloads])

    def print_added(self):
        lines = []
        for workload in self.workloads:
            line = [workload]
            for target in ENCRYPTED:
                added = self.added(workload, target)
                line += [figure(added), "" if added is None else f"{added / self.cipher:.2f}"]
            lines.append([*line, f"{self.misses_per_4k[workload]:.2f}"])
        heads = ["workload"]
        for target in ENCRYPTED:
            heads += [target, "/cipher"]
        print_table(
            f"Added by encryption, over plain on the same filesystem; the cipher alone: "
            f"{self.cipher:,}; to derive and set a key: {self.miss:,}",
            [*heads, "misses"], lines)

    def limits(self):
        """Yields a target, a workload, what the added cost is compared with, as words and as
        a number, and how much of that it may be.
        """
        for limit in self.limits_of_encryption():
            yield "btrfs-encrypted", *limit
        for workload, most in [("write", 1.5), ("read", 1.4), ("randread", 1.6)]:
            yield "btrfs-authenticated", workload, "cipher", self.cipher, most
        yield ("btrfs-authenticated", "randwrite", "dm-crypt",
               self.added("randwrite", "btrfs-dmcrypt"), 1.3)

    def limits_of_encryption(self):
        for workload, most in [("write", 1.05), ("read", 1.05), ("randread", 1.2)]:
            yield workload, "cipher", self.cipher, most
        yield "randwrite", "dm-crypt", self.added("randwrite", "btrfs-dmcrypt"), 0.5
        for workload, most in [("fragread", 1.05), ("fragrandread", 1.2)]:
            yield f"{workload}-warm", "cipher", self.cipher, most
            yield (workload, "cipher and misses",
                   round(self.cipher + self.misses_per_4k[workload] * self.miss), most)
        yield "send", "fragread", self.added("fragread"), 1.05
        yield "missread", "cipher", self.cipher, 2.2
        yield "hitread", "randread", self.added("randread"), 1.05

    def print_limits(self):
        """Says what holds.  A figure is for a person to judge, not a test."""
        lines = []
        for target, workload, words, reference, most in self.limits():
            added = self.added(workload, target)
            met = "yes" if added <= most * reference else "no"
            lines.append([target, workload, f"{added:,}", words, f"{reference:,}",
                          f"{added / reference:.3f}", f"{most:.2f}", met])
        print_table("Limits of what encryption adds on btrfs",
                    ["target", "workload", "added", "compared with", "", "ratio", "limit", "met"],
                    lines)

    def print_patched(self):
        lines = []
        for workload in self.workloads:
            patched, unpatched = (self.cost[workload, target]
                                  for target in ["btrfs", "btrfs-unpatched"])
            change = patched / unpatched - 1
            met = "yes" if abs(change) <= MOST_OF_UNPATCHED else "no"
            lines.append([workload, f"{change:+.2%}", f"{MOST_OF_UNPATCHED:.1%}", met])
        print_table("Plain files, patched kernel against unpatched",
                    ["workload", "change", "limit", "met"], lines)


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
    opens = {**patched.opens, "btrfs-unpatched": unpatched.opens["btrfs"]}

    results = Results(rows, patched.misses_per_4k)
    results.print_costs()
    results.print_added()
    results.print_limits()
    results.print_patched()
    print_table("Metadata in use, and what it is more than encryption alone takes, of the data",
                ["after", "btrfs-encrypted", "btrfs-authenticated", "more"],
                [[workload, f"{encrypted:,}", f"{authenticated:,}",
                  f"{(authenticated - encrypted) / FILE_SIZE:.2%}"]
                 for workload, encrypted in patched.metadata["btrfs-encrypted"].items()
                 for authenticated in [patched.metadata["btrfs-authenticated"][workload]]])
    print_table("Instructions to open a file", ["target", "1 directory and key", "20,000"],
                [[target, *map(figure, instructions)] for target, instructions in opens.items()])
    print_table("Instructions of a hit", ["", "get", "of it under the lock", "put"],
                [[what, *map(figure, hit)] for what, hit in patched.hits.items()])
    sizes = {**patched.bytes, **{f"{name}, unpatched": size
                                 for name, size in unpatched.bytes.items()}}
    print_table("Memory", ["object", "bytes"],
                [[name, f"{size:,}"] for name, size in sizes.items()])
    path = f"{BUILD}/bench.json"
    with open(path + ".partial", "w", encoding="utf-8") as file:
        json.dump({"rows": rows, "misses_per_4k": patched.misses_per_4k,
                   "opens": opens, "hits": patched.hits, "metadata": patched.metadata,
                   "bytes": sizes},
                  file, indent=1)
        file.write("\n")
    os.replace(path + ".partial", path)
    print(f"\n{path} has the rows")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        main()
    except KeyboardInterrupt:
        sys.exit(130)
