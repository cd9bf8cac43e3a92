#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs tests of fstests one by one, in as many guests as that takes, and keeps what became
of each in tests/fstests/results: see Documentation/testing.rst.

usage: table.py

Called by tests/fstests/run.  TESTS has groups of btrfs and generic tests, tests, and
"variants" for those of tests/fstests/variants.
What has a result for these sources already isn't run again.
"""

import collections
import glob
import hashlib
import os
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, "tests/vm")
from guest import (BUILD, DEBUG_FACTOR, GuestDied, VM, new_guest,  # noqa: E402
                   remove_stale_directories, write_all)

FSTESTS = os.environ["FSTESTS_DIR"]
VARIANT = os.environ["VARIANT"]
RESULTS = "tests/fstests/results"
LOGS = f"{BUILD}/log/fstests-table"
# The guest itself ends a test earlier.
MOST_SECONDS = 900 * DEBUG_FACTOR
# Which sources the results depend on.
SOURCES = ["src/**", "fscrypt/**", "btrfs_glue/*.[ch]", "btrfs_glue/fixes/*", "btrfs_glue/patches/*",
           "crypto/**", "features/*", "Kbuild",
           "tests/vm/kernel*.config", "tests/fstests/*.sh", "tests/fstests/fscrypt-crypt-util"]

Result = collections.namedtuple("Result", "variant test result seconds vm sources why")


def sources():
    """A number for the sources as they are."""
    digest = hashlib.sha256()
    for pattern in SOURCES:
        for path in sorted(glob.glob(pattern, recursive=True)):
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    digest.update(path.encode() + b"\0" + file.read())
    return digest.hexdigest()[:12]


def tests_of(words):
    """The names of the tests, and of those in the groups, or in our own list."""
    names = set()
    for word in words:
        if "/" in word:
            names.add(word)
            continue
        if word == "variants":
            with open("tests/fstests/variants", encoding="ascii") as file:
                names |= {line.strip() for line in file if not line.startswith("#")}
            continue
        for kind in "generic", "btrfs":
            with open(f"{FSTESTS}/tests/{kind}/group.list", encoding="ascii") as file:
                names |= {f"{kind}/{line.split()[0]}" for line in file
                          if word in line.split()[1:]}
    return sorted(names)


class Table:
    """The file of results, by variant and test."""

    def __init__(self):
        self.results = {}
        if os.path.exists(RESULTS):
            with open(RESULTS, encoding="utf-8") as file:
                for line in file:
                    if not line.startswith("#"):
                        result = Result(*line.rstrip("\n").split("\t"))
                        self.results[result.variant, result.test] = result

    def add(self, result):
        self.results[result.variant, result.test] = result

    def write(self):
        with open(RESULTS + ".partial", "w", encoding="utf-8") as file:
            file.write("# What became of fstests' tests; see Documentation/testing.rst.\n"
                       "# " + "\t".join(Result._fields) + "\n")
            for _, result in sorted(self.results.items()):
                file.write("\t".join(result) + "\n")
        os.replace(RESULTS + ".partial", RESULTS)


def run_some(tests, mark, table):
    """Runs tests until one of them fails or all have ended, and adds the results."""
    os.environ["TESTS"] = " ".join(tests)
    guest = new_guest("fstests", cmdline=os.environ.get("CMDLINE", ""))
    guest.on_output = write_all
    lines = f"{guest.out}/results"
    why = ""
    stop = threading.Event()

    def watch():
        while not stop.wait(5):
            if time.time() - os.stat(lines).st_mtime > MOST_SECONDS:
                guest.kill_process()

    open(lines, "wb").close()
    try:
        guest.boot()
        threading.Thread(target=watch, daemon=True).start()
        guest.run(os.path.abspath("tests/fstests/each"))
    except GuestDied as error:
        why = str(error)
    finally:
        stop.set()
        with open(lines, encoding="utf-8") as file:
            results = [Result(VARIANT, test, result, seconds, VM, mark, reason)
                       for test, result, seconds, reason in
                       (line.rstrip("\n").split("\t") for line in file)]
        if why:
            ended = {result.test for result in results}
            test = next(test for test in tests if test not in ended)
            seconds = int(time.time() - os.stat(lines).st_mtime)
            results.append(Result(VARIANT, test, "the guest ended", str(seconds), VM, mark, why))
            print(*results[-1][1:4], why, sep="\t")
        for result in results:
            # Paths of this machine are of no use elsewhere.
            for directory in guest.out, FSTESTS, BUILD:
                result = result._replace(why=result.why.replace(f"{directory}/", ""))
            table.add(result)
            if result.result in ("failed", "too slow", "the guest ended"):
                keep(guest, result.test)
        guest.end()


def keep(guest, test):
    """Leaves what says why the test failed in the directory of logs."""
    directory = f"{LOGS}/{VARIANT}/{test}"
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    for path in glob.glob(f"{guest.out}/{test}.*") + [f"{guest.out}/said", guest.console]:
        if os.path.isfile(path):
            shutil.copy(path, directory)


def main():
    remove_stale_directories()
    mark = sources()
    table = Table()
    wanted = tests_of((os.environ.get("TESTS") or "quick").split())
    while True:
        left = [test for test in wanted
                if (VARIANT, test) not in table.results
                or table.results[VARIANT, test].sources != mark]
        print(f"{VARIANT}: {len(left)} of {len(wanted)} tests left", flush=True)
        if not left:
            break
        try:
            run_some(left, mark, table)
        finally:
            table.write()
    counts = collections.Counter(table.results[VARIANT, test].result for test in wanted)
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if counts["failed"] + counts["the guest ended"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
