#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Runs the tests of tests/guest: see Documentation/testing.rst.

usage: run-tests.py [--long]

TESTS has the patterns of the tests to run; without it, all run.  Prints KTAP, then
"N passed, N failed, N skipped".  GUESTS says how many guests run at once (default:
one for each CPU that is there, at most 4).
"""

import copy
import fnmatch
import glob
import itertools
import os
import queue
import re
import shlex
import sys
import threading
import time

sys.path.insert(0, "tests/vm")
from guest import (BUILD, DEBUG_FACTOR, EmulatorDied, KERNEL,  # noqa: E402
                   GuestDied, MEMORY_MIB, PowerCut, VM, acceleration, new_guest,
                   remove_stale_directories)
from splats import SPLAT  # noqa: E402

DIRECTORY = "tests/guest"
SKIP_STATUS = 77
DEFAULT_SECONDS = 300
LOG_LINES_SHOWN = 30
# Of what the kernel said before and after the first line that it must not say.
KERNEL_LINES_SHOWN = 6

# What the kernel must not say, unless a test expects it.  The filesystem in fs/btrfs/tests,
# which are to provoke errors, has no name.
UNEXPECTED = re.compile(SPLAT.pattern + r"|BTRFS critical|BTRFS error (?!\(device \(efault\)\))"
                        r"|BTRFS: error")


class Test:
    """A file of tests/guest and its directives, or a variant of it."""

    def __init__(self, path):
        self.path = os.path.abspath(path)
        self.name = re.sub(r"\.(sh|py)$", "", os.path.basename(path))
        self.environment = {}
        self.variants = []
        self.seconds = DEFAULT_SECONDS
        self.expected = []
        self.own_guest = False
        self.cmdline = ""
        self.module = True
        self.memory = MEMORY_MIB
        self.kernel = None
        self.vm = None
        self.long = False
        self.ktap = False
        with open(path, encoding="utf-8") as file:
            for line in file:
                if not line.startswith("#"):
                    break
                found = re.match(r"# ([a-z]+): (.*\S)", line)
                if found:
                    self._directive(*found.groups())

    def _directive(self, word, value):
        """Returns whether it is one, and not a word with a colon in a comment."""
        if word == "timeout":
            self.seconds = int(value)
        elif word == "dmesg":
            self.expected.append(re.compile(value))
        elif word == "guest":
            self.own_guest = value == "own"
        elif word == "cmdline":
            self.cmdline, self.own_guest = value, True
        elif word == "module":
            self.module, self.own_guest = value != "no", True
        elif word == "memory":
            self.memory, self.own_guest = int(value), True
        elif word == "kernel":
            self.kernel = value
        elif word == "vm":
            self.vm = value
        elif word == "long":
            self.long = value == "yes"
        elif word == "results":
            self.ktap = value == "ktap"
        elif word == "variant":
            self.variants.append(shlex.split(value))
        else:
            return False
        return True

    def has_own_guest(self):
        return self.own_guest or self.vm not in (None, VM)

    def _variant(self, name, *settings):
        """Returns the variant of that name: directives in lower case, variables in upper case."""
        variant = copy.copy(self)
        variant.name, variant.environment = name, {}
        variant.expected = list(self.expected)
        for setting in settings:
            word, _, value = setting.partition("=")
            if word.isupper():
                variant.environment[word] = value
            elif not variant._directive(word, value or None):
                sys.exit(f"error: {self.path}: variant {name}: there is no directive {word}")
        return variant

    def with_variants(self):
        return [self] + [self._variant(*words) for words in self.variants]

    def new_guest(self, number):
        if not self.has_own_guest():
            return new_guest(f"test{number}")
        return new_guest(f"test{number}", vm=self.vm or VM, cmdline=self.cmdline, memory=self.memory,
                         load_module=self.module)


class Result:
    """How a test went: why it failed or was skipped, or neither."""

    def __init__(self):
        self.failed = ""
        # What the kernel said when it said something that it must not say.
        self.kernel_lines = []
        # Why it failed says nothing about the kernel.
        self.emulator_died = False
        self.skipped = ""
        self.seconds = 0.0
        # For a test that prints KTAP: the result lines of its cases.
        self.cases = []


def all_tests():
    """The tests in all directories but that of the helpers, by name."""
    tests = [test for path in glob.glob(f"{DIRECTORY}/*/*")
             if not path.startswith(f"{DIRECTORY}/lib/")
             and os.path.isfile(path) and os.access(path, os.X_OK)
             for test in Test(path).with_variants()]
    tests.sort(key=lambda test: test.name)
    for test, other in itertools.pairwise(tests):
        if test.name == other.name:
            sys.exit(f"error: two tests are called {test.name}: {test.path}, {other.path}")
    return tests


def select(patterns, long):
    tests = all_tests()
    if patterns:
        for pattern in patterns:
            if not any(fnmatch.fnmatch(test.name, pattern) for test in tests):
                sys.exit(f"error: no test is called {pattern}; there are: "
                         + " ".join(test.name for test in tests))
        tests = [test for test in tests
                 if any(fnmatch.fnmatch(test.name, pattern) for pattern in patterns)]
    elif not long:
        tests = [test for test in tests if not test.long]
    return [test for test in tests
            if test.kernel in (None, KERNEL)
            and (test.vm in (None, VM) or (test.vm == "uml" and KERNEL == "normal"))]


def allowed_skips():
    """Returns the names in tests/skips.txt."""
    try:
        with open("tests/skips.txt", encoding="utf-8") as file:
            return {line.split()[0] for line in file
                    if line.strip() and not line.startswith("#")}
    except FileNotFoundError:
        return set()


def kernel_messages(guest, start):
    """Returns what the kernel has said since the console offset start.

    The console is slower than the port over which the guest has answered; so
    wait until nothing more comes.
    """
    size = -1
    while size != guest.console_size():
        size = guest.console_size()
        time.sleep(0.1)
    return guest.console_text(start)


def first_splat(test, messages):
    """Returns the number of the first line that the kernel must not say, or None."""
    for number, line in enumerate(messages):
        if (UNEXPECTED.search(line)
                and not any(pattern.search(line) for pattern in test.expected)):
            return number
    return None


def case_results(log):
    """Returns the KTAP result lines that have no subtests."""
    cases, suite = [], ""
    for line in log.splitlines():
        found = re.match(r"\s*# Subtest: (\S+)", line)
        if found:
            suite = found.group(1)
        found = re.match(r"\s+(not )?ok \d+ (?:- )?(\S+)(.*)", line)
        if found:
            bad, name, rest = found.groups()
            cases.append(f"{bad or ''}ok {{}} {suite}.{name}{rest}")
    return cases


class Worker(threading.Thread):
    """Has at most one guest and runs tests in it."""

    def __init__(self, number, runner):
        super().__init__(daemon=True)
        self.number = number
        self.runner = runner
        self.guest = None
        # What differs from the usual in the guest, i.e. which test owns it.
        self.owner = None

    def end_guest(self):
        if self.guest:
            self.guest.end()
            self.guest = None

    def run(self):
        while not self.runner.stopping:
            try:
                test = self.runner.queue.get_nowait()
            except queue.Empty:
                break
            started = time.monotonic()
            try:
                result = self.run_test(test)
                if result.emulator_died and not self.runner.stopping:
                    self.runner.say(f"{test.name}: {result.failed}: trying again")
                    result = self.run_test(test)
            except Exception as error:  # pylint: disable=broad-except
                result = Result()
                result.failed = f"the test runner failed: {error!r}"
                self.end_guest()
            result.seconds = time.monotonic() - started
            self.runner.report(test, result)
        self.end_guest()

    def run_test(self, test):
        result = Result()
        owner = test.name if test.has_own_guest() else None
        if self.guest and self.owner != owner:
            self.end_guest()
        log_path = f"{BUILD}/log/test/{test.name}.log"
        messages_path = f"{BUILD}/log/test/{test.name}.dmesg"
        with open(log_path, "wb", buffering=0) as log:
            try:
                if not self.guest:
                    self.owner = owner
                    self.guest = test.new_guest(self.number)
                    # What it says while it boots belongs to its first test.
                    start = 0
                    self.guest.on_output = log.write
                    self.guest.boot()
                else:
                    start = self.guest.console_size()
                    self.guest.on_output = log.write
                self.run_stages(test, result, log_path)
            except TimeoutError:
                result.failed = f"no end after {test.seconds * DEBUG_FACTOR} s"
            except GuestDied as error:
                result.failed = str(error)
                result.emulator_died = isinstance(error, EmulatorDied)
                # It may not be able to, here.
                if result.emulator_died and test.vm == "uml" and VM != "uml":
                    result.failed, result.skipped = "", str(error)
            messages = kernel_messages(self.guest, start)
            self.guest.on_output = lambda data: None
        with open(messages_path, "w", encoding="utf-8") as file:
            file.write(messages)
        lines = messages.splitlines()
        at = first_splat(test, lines)
        if at is not None:
            result.emulator_died = False
            result.failed = (result.failed + "; " if result.failed else "") \
                + f"kernel: {lines[at]}"
            result.kernel_lines = lines[max(at - KERNEL_LINES_SHOWN, 0):
                                        at + 1 + KERNEL_LINES_SHOWN]
        if test.ktap and not result.skipped:
            with open(log_path, encoding="utf-8", errors="replace") as file:
                result.cases = case_results(file.read())
            if not result.cases and not result.failed:
                result.failed = "no results in the output"
        if result.failed or test.has_own_guest():
            self.end_guest()
        return result

    def run_stages(self, test, result, log_path):
        stage = 1
        while True:
            try:
                status = self.guest.run(test.path, stage, test.seconds * DEBUG_FACTOR,
                                        test.environment)
                break
            except PowerCut:
                self.guest.kill()
                self.guest.boot()
                stage += 1
        if status == SKIP_STATUS:
            result.skipped = last_line(log_path)
        elif status:
            result.failed = f"exit status {status}"
        unclean = self.guest.clean()
        if unclean and not result.failed:
            result.failed = f"left something behind: {unclean}"


def last_line(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = file.read().split("\n")
    return next((line for line in reversed(lines) if line.strip()), "no reason given")


class Runner:
    """Hands tests to workers and prints results."""

    def __init__(self, tests):
        self.queue = queue.Queue()
        # Those that need a guest of their own last: fewer boots.
        for test in sorted(tests, key=Test.has_own_guest):
            self.queue.put(test)
        self.stopping = False
        self.lock = threading.Lock()
        self.number = 0
        self.passed = self.failed = self.skipped = 0
        self.allowed_skips = allowed_skips()

    def say(self, text):
        with self.lock:
            print("# " + text, flush=True)

    def report(self, test, result):
        if result.skipped and not result.failed and test.name not in self.allowed_skips:
            result.failed = f"skipped, but not in tests/skips.txt: {result.skipped}"
            result.skipped = ""
        with self.lock:
            if self.stopping:
                return
            self.number += 1
            self.print_cases(result)
            if result.failed:
                print(f"not ok {self.number} {test.name} # {result.failed}")
                self.print_log(test, result)
            elif result.skipped:
                print(f"ok {self.number} {test.name} # SKIP {result.skipped}")
            else:
                print(f"ok {self.number} {test.name} # {result.seconds:.1f} s")
            sys.stdout.flush()
            if not result.cases or (result.failed and all(
                    case.startswith("ok") for case in result.cases)):
                self.passed += not result.failed and not result.skipped
                self.failed += bool(result.failed)
                self.skipped += bool(result.skipped and not result.failed)

    def print_cases(self, result):
        if not result.cases:
            return
        print("    KTAP version 1")
        print(f"    1..{len(result.cases)}")
        for number, case in enumerate(result.cases, 1):
            print("    " + case.replace("{}", str(number), 1))
            if case.startswith("not"):
                self.failed += 1
                result.failed = result.failed or "a case failed"
            elif "# SKIP" in case:
                self.skipped += 1
            else:
                self.passed += 1

    @staticmethod
    def print_log(test, result):
        for line in result.kernel_lines:
            print("# kernel: " + line)
        base = f"{BUILD}/log/test/{test.name}"
        try:
            with open(base + ".log", encoding="utf-8", errors="replace") as file:
                lines = file.read().splitlines()
        except OSError:
            return
        for line in lines[-LOG_LINES_SHOWN:]:
            print("# " + line)
        print(f"# whole output: {base}.log, kernel: {base}.dmesg")


def number_of_guests(tests):
    wanted = int(os.environ.get("GUESTS") or min(os.cpu_count() or 1, 4))
    with open("/proc/meminfo", encoding="ascii") as file:
        available_kib = int(re.search(r"MemAvailable:\s+(\d+)", file.read()).group(1))
    return max(1, min(wanted, available_kib // 1024 // MEMORY_MIB, len(tests)))


def main():
    tests = select(os.environ.get("TESTS", "").split(), "--long" in sys.argv[1:])
    os.makedirs(f"{BUILD}/log/test", exist_ok=True)
    remove_stale_directories()
    if VM == "qemu":
        acceleration()
    runner = Runner(tests)
    print("KTAP version 1")
    print(f"1..{len(tests)}", flush=True)
    workers = [Worker(number, runner) for number in range(number_of_guests(tests))]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            while worker.is_alive():
                worker.join(0.5)
    except KeyboardInterrupt:
        runner.stopping = True
        for worker in workers:
            worker.end_guest()
        sys.exit(130)
    print(f"{runner.passed} passed, {runner.failed} failed, {runner.skipped} skipped")
    sys.exit(1 if runner.failed else 0)


if __name__ == "__main__":
    main()
