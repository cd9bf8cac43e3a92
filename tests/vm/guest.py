#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Boots the test kernel and runs programs in it: in QEMU or, if VM=uml, as a program
(User-mode Linux).

usage: guest.py run SCRIPT      its exit status becomes this program's
       guest.py shell

Options, before the word: --cmdline WORDS (kernel command line), --memory MIB,
--smp N, --no-module, --icount (the guest's clock counts instructions; one CPU),
--keep DIR (what the program leaves in OUT is kept there).

Runs in the build root, which the guest gets as its root, read-only over 9p or hostfs.

QEMU is run directly, not through virtme-ng: tests cut the power and boot the same
disks again, and talk to this program from within the guest, which is used for one
test after the other.  virtme-ng does none of that.
"""

import argparse
import base64
import fcntl
import glob
import json
import os
import re
import resource
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time

BUILD = os.environ["BUILD"]
REPO = os.getcwd()
KERNEL = os.environ.get("KERNEL") or "normal"
VM = os.environ.get("VM") or "qemu"
if VM not in ("qemu", "uml"):
    sys.exit("error: VM must be qemu or uml")
DEBUG_FACTOR = 1 if KERNEL == "normal" else 4

MEMORY_MIB = 3072
DISK_BYTES = 3 << 30
DISKS = ["test", "scratch", "pool0", "pool1", "pool2", "pool3", "pool4"]

# What fstests finds in its environment; in-root passes them on.
FSTESTS_VARIABLES = ["TIME_FACTOR", "LOAD_FACTOR", "MKFS_OPTIONS", "MOUNT_OPTIONS",
                     "TEST_FS_MOUNT_OPTS"]

BOOT_SECONDS = 120 * DEBUG_FACTOR
KVM_PROBE_SECONDS = 20
END_SECONDS = 10


class GuestDied(Exception):
    """The guest ended, or did not answer in time."""


class EmulatorDied(GuestDied):
    """The guest ended or did not boot, and no word of the kernel says why."""


class PowerCut(Exception):
    """The program in the guest asked for it."""


def acceleration():
    """Returns kvm or tcg.

    That /dev/kvm can be opened, and even makes a virtual machine, does not mean
    that a kernel boots under it; so one is booted, once for each boot of the
    host.
    """
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        boot = file.read().strip()
    remembered = f"{BUILD}/acceleration"
    try:
        with open(remembered, encoding="ascii") as file:
            known_boot, known = file.read().split()
        if known_boot == boot:
            return known
    except (OSError, ValueError):
        pass
    print(f"trying KVM for at most {KVM_PROBE_SECONDS} s", flush=True)
    guest = QemuGuest("kvm-probe", load_module=False)
    try:
        guest.boot("kvm", KVM_PROBE_SECONDS)
        result = "kvm"
    except GuestDied:
        result = "tcg"
        print("KVM does not boot here: QEMU emulates", flush=True)
    finally:
        guest.end()
    with open(remembered + ".partial", "w", encoding="ascii") as file:
        file.write(f"{boot} {result}\n")
    os.replace(remembered + ".partial", remembered)
    return result


def kill_with_parent():
    """In a child: no guest outlives this program, however that ends."""
    PR_SET_PDEATHSIG = 1
    import ctypes

    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def leave_group():
    """The same, and Ctrl-C is for this program, which then ends the guest."""
    kill_with_parent()
    os.setpgid(0, 0)


def leave_session():
    """The same for User-mode Linux, which has all its processes in that group.

    It may read a terminal that isn't its own.  When the kernel panics, it aborts.  It has a
    file open for each inode of its root that it knows of.
    """
    kill_with_parent()
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class Guest:
    """A virtual machine and its disks.

    A subclass knows how to start one: see QemuGuest and UmlGuest.
    """

    # What VM is for it.
    vm = ""
    # What the program is called that is the machine.
    program = ""
    # The disks in the guest, in the order of DISKS.
    devices = []

    def __init__(self, name, *, cmdline="", memory=MEMORY_MIB, smp=2,
                 load_module=True, icount=False, interactive=False, kernel=None):
        self.name = name
        self.cmdline = cmdline
        self.memory = memory
        self.smp = smp
        self.load_module = load_module
        self.variant = ("" if self.vm == "qemu" else f"-{self.vm}") \
            + ("" if KERNEL == "normal" else f"-{KERNEL}")
        self.kernel = kernel or f"{BUILD}/kernel{self.variant}"
        self.icount = icount
        self.interactive = interactive
        self.process = None
        self.control = None
        self.booted = False
        self.unread = b""
        self.output = None
        self.output_ended = threading.Event()
        self.end_mark = b""
        # What is called with the output of the program that runs.
        self.on_output = lambda data: None
        os.makedirs(f"{BUILD}/run", exist_ok=True)
        os.makedirs(f"{BUILD}/log", exist_ok=True)
        self.dir = tempfile.mkdtemp(prefix=f"{name}.", dir=f"{BUILD}/run")
        # Held as long as this program lives: see remove_stale_directories().
        self.lock = open(f"{self.dir}/lock", "w", encoding="ascii")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.out = f"{self.dir}/out"
        self.console = f"{self.dir}/console"
        os.mkdir(self.out)
        # The machine may end before it makes it.
        with open(self.console, "wb"):
            pass
        self.images = dict(zip(self.devices, (f"{self.dir}/{d}.img" for d in DISKS)))
        for image in self.images.values():
            with open(image, "wb") as file:
                file.truncate(DISK_BYTES)
        self._write_settings()

    def _write_settings(self):
        columns, rows = shutil.get_terminal_size()
        settings = {
            "ROWS": str(rows),
            "COLUMNS": str(columns),
            "TERM": os.environ.get("TERM", "dumb"),
            "REPO": REPO,
            "BUILD": BUILD,
            "KERNEL": KERNEL,
            "VM": self.vm,
            "GUEST_BIN": os.environ.get("GUEST_BIN", ""),
            "MODULES": f"{self.kernel}/install/lib/modules",
            "LOAD_MODULE": "yes" if self.load_module else "no",
            "SHARED": " ".join(filter(None, [
                REPO, BUILD, os.environ.get("GUEST_BIN"), os.environ.get("FSTESTS_DIR")])),
            "OUT": self.out,
            "TEST_DIR": "/mnt/test",
            "SCRATCH_MNT": "/mnt/scratch",
            "TEST_DEV": self.devices[0],
            "SCRATCH_DEV": self.devices[1],
            "SCRATCH_DEV_POOL": " ".join(self.devices[2:]),
            "FSTESTS_DIR": os.environ.get("FSTESTS_DIR", ""),
            "FSTYP": os.environ.get("FSTYP", ""),
            "TESTS": os.environ.get("TESTS", ""),
            "SEEDS": os.environ.get("SEEDS", ""),
            "PLAIN": os.environ.get("PLAIN", ""),
            "AUTHENTICATED": os.environ.get("AUTHENTICATED", ""),
            "ENCRYPT": os.environ.get("ENCRYPT", ""),
            "UNPATCHED_BTRFS": f"{BUILD}/btrfs-unpatched{self.variant}/btrfs.ko",
            **{name: os.environ[name] for name in FSTESTS_VARIABLES if name in os.environ},
        }
        with open(f"{self.dir}/settings", "w", encoding="utf-8") as file:
            for name, value in settings.items():
                quoted = value.replace("'", "'\\''")
                file.write(f"{name}='{quoted}'\n")

    def start(self, seconds):
        """Starts the machine and sets process, control and output."""
        raise NotImplementedError

    def kill_process(self):
        self.process.kill()

    def log(self):
        """Returns what the machine itself has said, not the kernel in it."""
        return ""

    def boot(self, seconds=BOOT_SECONDS):
        """Returns when the guest is ready to run a program."""
        self.booted = False
        self.start(seconds)
        self.unread = b""
        threading.Thread(target=self._read_output, daemon=True).start()
        try:
            line = self._read_line(time.monotonic() + seconds)
        except TimeoutError:
            raise EmulatorDied(f"no boot in {seconds} s") from None
        if line != "ready":
            raise GuestDied(f"the guest said '{line}'")
        self.booted = True

    def why_ended(self):
        """Returns an exception that says why the machine has closed the ports."""
        messages = self.console_text().splitlines()
        for line in reversed(messages):
            if re.search("Kernel panic|BUG:|Oops", line):
                return GuestDied("the guest ended: " + line)
        try:
            status = self.process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            return GuestDied("the guest closed its port")
        if status < 0:
            return EmulatorDied(f"{self.program} was killed by {signal.Signals(-status).name}")
        if status > 0:
            return EmulatorDied(f"{self.program} ended: " + self.log().strip()[-500:])
        kind = GuestDied if self.booted else EmulatorDied
        return kind("the guest reset itself; its last message: "
                    + (messages or ["none"])[-1])

    def _read_output(self):
        connection = self.output
        pending = b""
        while True:
            try:
                data = connection.recv(65536)
            except OSError:
                data = b""
            if not data:
                self.on_output(pending)
                return
            # The two ports are not ordered, so this one says where it ends.
            mark = b"\0" + self.end_mark
            before, found, pending = (pending + data).partition(mark)
            if found:
                self.on_output(before)
                self.output_ended.set()
                continue
            keep = next((n for n in range(min(len(mark), len(before)), 0, -1)
                         if mark.startswith(before[-n:])), 0)
            pending = before[len(before) - keep:]
            self.on_output(before[:len(before) - keep])

    def _read_line(self, deadline):
        while b"\n" not in self.unread:
            if deadline:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.control.settimeout(left)
            else:
                self.control.settimeout(None)
            try:
                data = self.control.recv(65536)
            except ConnectionResetError:
                data = b""
            if not data:
                raise self.why_ended()
            self.unread += data
        line, self.unread = self.unread.split(b"\n", 1)
        return line.decode("utf-8", "replace")

    def console_text(self, start=0):
        """Returns the kernel's messages from the byte offset on."""
        with open(self.console, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace").replace("\r", "")

    def console_size(self):
        return os.path.getsize(self.console)

    def _send(self, line):
        self.control.settimeout(None)
        self.control.sendall(line.encode() + b"\n")

    def run(self, program, stage=1, seconds=None, environment=None):
        """Returns the program's exit status.  Adds environment, a dict, to its variables.

        Raises TimeoutError, GuestDied or PowerCut.
        """
        deadline = time.monotonic() + seconds if seconds else None
        self.end_mark = secrets.token_hex(8).encode()
        self.output_ended.clear()
        words = [str(stage), self.end_mark.decode(), program]
        words += [f"{name}={value}" for name, value in (environment or {}).items()]
        self._send(f"run {shlex.join(words)}")
        while True:
            word, _, rest = self._read_line(deadline).partition(" ")
            if word == "exit":
                self.output_ended.wait(10)
                return int(rest)
            if word == "request":
                self._answer(base64.b64decode(rest).decode().split("\0")[:-1], deadline)

    def clean(self):
        """Returns why the guest can't be used again, or an empty string."""
        self._send("clean")
        answer, _, why = self._read_line(time.monotonic() + 120 * DEBUG_FACTOR).partition(" ")
        return why if answer == "unclean" else ""

    def shell(self):
        self._send("shell")
        return self._read_line(None)

    def _answer(self, request, deadline):
        if request[0] == "power-cut":
            raise PowerCut
        if request[0] == "dump-ram":
            status = self.dump_ram(request[1])
        else:
            status = self._offline(request[1:], deadline)
        self._send(f"answer {status}")

    def _offline(self, command, deadline):
        environment = dict(os.environ, OUT=self.out)
        environment["PATH"] = ":".join([
            f"{BUILD}/progs/bin", f"{BUILD}/verify/release", environment["PATH"]])
        command = [self.images.get(word, word) for word in command]
        with open(f"{self.out}/.stdout", "wb") as out, \
                open(f"{self.out}/.stderr", "wb") as err:
            try:
                left = max(1, deadline - time.monotonic()) if deadline else None
                return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=out,
                                      stderr=err, env=environment, timeout=left,
                                      check=False).returncode % 256
            except OSError as error:
                err.write(f"{command[0]}: {error.strerror}\n".encode())
                return 127
            except subprocess.TimeoutExpired:
                raise TimeoutError from None

    def dump_ram(self, path):
        """Returns 0 when the file has the guest's memory."""
        raise NotImplementedError

    def kill(self):
        """As if the power were cut.  The disks stay."""
        if self.process:
            self.kill_process()
            self.process.wait()
            self.process = None
        for connection in self.control, self.output:
            if connection:
                connection.close()
        self.control = self.output = None

    def end(self):
        """Kills the guest and removes its disks and files."""
        self.kill()
        shutil.rmtree(self.dir, ignore_errors=True)


class QemuGuest(Guest):
    """A guest that is QEMU."""

    vm = "qemu"
    program = "QEMU"
    # As virtio-blk names them.
    devices = [f"/dev/vd{chr(ord('a') + i)}" for i in range(len(DISKS))]

    def __init__(self, name, **options):
        super().__init__(name, **options)
        self.accel = None

    def _command(self):
        # no_timer_check: on a busy host, TCG may be too slow for that check.
        # maxcpus=1: QEMU may abort if one CPU uses a device's memory while another
        # moves it (https://gitlab.com/qemu-project/qemu/-/issues/1921), as the kernel
        # does while it looks for devices.  tests/vm/init starts the other CPUs.
        cmdline = (
            f"console=ttyS0 root=root rootfstype=9p "
            f"rootflags=trans=virtio,version=9p2000.L,msize=262144,cache=loose,"
            f"access=any ro init={REPO}/tests/vm/init GUEST={self.dir}/settings "
            f"panic=-1 random.trust_cpu=on no_timer_check maxcpus=1 "
            f"{self.cmdline}"
        )
        # Without five-level page tables: an interrupt while the kernel is finding out
        # whether there are any gets a false report from KASAN.
        cpu, smp = "max,-la57", self.smp
        command = ["qemu-system-x86_64", "-nodefaults", "-no-user-config",
                   "-display", "none", "-no-reboot"]
        if self.icount:
            # With these, a string instruction counts once for every byte.
            cpu, smp = cpu + ",-erms,-fsrm,-fsrs", 1
            command += ["-accel", "tcg", "-icount", "shift=0,sleep=off"]
        elif self.accel == "kvm":
            command += ["-accel", "kvm"]
        else:
            command += ["-accel", "tcg,thread=multi"]
        command += [
            "-cpu", cpu, "-smp", str(smp), "-m", str(self.memory),
            "-kernel", f"{self.kernel}/arch/x86/boot/bzImage", "-append", cmdline,
            "-fsdev", "local,id=root,path=/,security_model=none,"
                      "multidevs=remap,readonly=on",
            "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
            "-fsdev", f"local,id=out,path={self.out},security_model=none",
            "-device", "virtio-9p-pci,fsdev=out,mount_tag=out",
            "-chardev", f"file,id=console,path={self.console},append=on",
            "-serial", "chardev:console",
            "-qmp", f"unix:{self.dir}/qmp,server=on,wait=off",
            "-device", "virtio-rng-pci",
            "-device", "virtio-serial-pci",
        ]
        for port in "control", "output":
            command += ["-chardev", f"socket,id={port},path={self.dir}/{port}",
                        "-device", f"virtserialport,chardev={port},name={port}"]
        for name, image in zip(DISKS, self.images.values()):
            # What the guest has written is in the host's page cache, so a cut of
            # power does not need the host's disk.
            command += [
                "-drive", f"id={name},file={image},format=raw,if=none,"
                          "cache=unsafe,discard=unmap",
                "-device", f"virtio-blk-pci,drive={name},serial={name}"]
        if self.interactive:
            command += ["-chardev", "stdio,id=terminal,signal=off",
                        "-device", "virtconsole,chardev=terminal"]
        return command

    def boot(self, accel=None, seconds=BOOT_SECONDS):
        self.accel = accel or acceleration()
        super().boot(seconds)

    def start(self, seconds):
        listening = {}
        # A short relative name: paths of sockets are limited to 107 bytes.
        for port in "control", "output":
            path = f"{self.dir}/{port}"
            if os.path.exists(path):
                os.unlink(path)
            listening[port] = socket.socket(socket.AF_UNIX)
            listening[port].bind(path)
            listening[port].listen(1)
            listening[port].settimeout(seconds)
        with open(f"{self.dir}/qemu.log", "ab") as log:
            self.process = subprocess.Popen(
                self._command(), stdout=None if self.interactive else log,
                stdin=None if self.interactive else subprocess.DEVNULL,
                stderr=log, preexec_fn=None if self.interactive else leave_group)
        try:
            for port in "control", "output":
                while True:
                    listening[port].settimeout(0.2)
                    try:
                        setattr(self, port, listening[port].accept()[0])
                        break
                    except TimeoutError:
                        if self.process.poll() is not None:
                            raise self.why_ended() from None
        finally:
            for port in listening.values():
                port.close()

    def log(self):
        with open(f"{self.dir}/qemu.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def dump_ram(self, path):
        with socket.socket(socket.AF_UNIX) as qmp:
            qmp.connect(f"{self.dir}/qmp")
            stream = qmp.makefile("rw", encoding="utf-8")
            stream.readline()
            for command in (
                    {"execute": "qmp_capabilities"},
                    {"execute": "dump-guest-memory",
                     "arguments": {"paging": False, "protocol": f"file:{path}"}}):
                stream.write(json.dumps(command) + "\n")
                stream.flush()
                while True:
                    reply = json.loads(stream.readline())
                    if "error" in reply:
                        print(reply["error"]["desc"], file=sys.stderr)
                        return 1
                    if "return" in reply:
                        break
        return 0


class UmlGuest(Guest):
    """A guest that is a kernel for User-mode Linux."""

    vm = "uml"
    program = "the kernel"
    # Without ubda, as which the root shows.
    devices = [f"/dev/ubd{chr(ord('b') + i)}" for i in range(len(DISKS))]

    def __init__(self, name, **options):
        super().__init__(name, **options)
        if self.icount:
            sys.exit("error: User-mode Linux counts no instructions")
        self.console_reader = None
        self.terminal = None

    def _command(self, control, output, terminal):
        command = [
            f"{self.kernel}/linux", f"mem={self.memory}M",
            "rootfstype=hostfs", "rootflags=/", "ro", f"init={REPO}/tests/vm/init",
            f"GUEST={self.dir}/settings", "con0=null,fd:1", *self.cmdline.split(),
            f"ssl0=fd:{control.fileno()}", f"ssl1=fd:{output.fileno()}",
            # Where it makes a directory of its own.
            "uml_dir=/tmp",
        ]
        # d: whatever the disk begins with, it is no copy-on-write file.  t: no discards.
        # These take 32 KiB at a time, and each mkfs discards all of its disk.
        command += [f"ubd{number}dt={image}"
                    for number, image in enumerate(self.images.values(), 1)]
        if self.interactive:
            command.append(f"con1=fd:0,fd:{terminal}")
        return command

    def start(self, seconds):
        self.control, control = socket.socketpair()
        self.output, output = socket.socketpair()
        # It can't wait for a file, so it takes none for a console.
        console, messages = os.pipe()
        if self.interactive and sys.stdin.isatty():
            self.terminal = termios.tcgetattr(sys.stdin)
        terminal = os.dup(1)
        with control, output:
            self.process = subprocess.Popen(
                self._command(control, output, terminal), stdout=messages, stderr=messages,
                stdin=None if self.interactive else subprocess.DEVNULL,
                pass_fds=[control.fileno(), output.fileno(), terminal],
                # The guest's memory is a file, which must not be on a disk.  Its disks are of
                # no use after a crash of the host, so they need no flushes there.
                env=dict(os.environ, TMPDIR="/tmp", LD_PRELOAD="libeatmydata.so"),
                preexec_fn=leave_session)
        os.close(terminal)
        os.close(messages)
        self.console_reader = threading.Thread(
            target=self._read_console, args=[console], daemon=True)
        self.console_reader.start()

    def _read_console(self, descriptor):
        with open(descriptor, "rb", buffering=0) as messages, \
                open(self.console, "ab", buffering=0) as file:
            shutil.copyfileobj(messages, file, 4096)

    def why_ended(self):
        self.console_reader.join(END_SECONDS)
        error = super().why_ended()
        # What ends is the kernel itself.
        return GuestDied(str(error)) if self.booted else error

    def clean(self):
        why = super().clean()
        for image in self.images.values():
            os.truncate(image, 0)
            os.truncate(image, DISK_BYTES)
        return why

    def kill_process(self):
        os.killpg(self.process.pid, signal.SIGKILL)
        self.console_reader.join(END_SECONDS)
        if self.terminal:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self.terminal)

    def dump_ram(self, path):
        # Its memory is a file in TMPDIR without a name.
        process = f"/proc/{self.process.pid}"
        self.process.send_signal(signal.SIGSTOP)
        try:
            memory = next(file for file in glob.glob(f"{process}/fd/*")
                          if os.readlink(file).startswith("/tmp/"))
            shutil.copyfile(memory, path)
        finally:
            self.process.send_signal(signal.SIGCONT)
        return 0


def new_guest(name, vm=VM, **options):
    """Returns a guest of that kind, not booted yet."""
    return {"qemu": QemuGuest, "uml": UmlGuest}[vm](name, **options)


def remove_stale_directories():
    """Removes what a program that was killed has left in BUILD/run."""
    for directory in glob.glob(f"{BUILD}/run/*"):
        try:
            with open(f"{directory}/lock", "w", encoding="ascii") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(directory, ignore_errors=True)
        except OSError:
            pass


def runnable(script, guest):
    """Returns a path of the script that the guest can execute."""
    path = os.path.realpath(script)
    if path.startswith(REPO + "/") and os.access(path, os.X_OK):
        return path
    copy = f"{guest.dir}/{os.path.basename(path)}.run"
    shutil.copyfile(path, copy)
    os.chmod(copy, 0o755)
    return copy


def write_all(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("--cmdline", default="")
    parser.add_argument("--memory", type=int, default=MEMORY_MIB)
    parser.add_argument("--smp", type=int, default=2)
    parser.add_argument("--no-module", action="store_true")
    parser.add_argument("--icount", action="store_true")
    parser.add_argument("--keep")
    parser.add_argument("what", choices=["run", "shell"])
    parser.add_argument("script", nargs="?")
    arguments = parser.parse_args()

    if arguments.what == "run" and not os.access(arguments.script or "", os.R_OK):
        sys.exit(f"error: {arguments.script or 'SCRIPT'} can't be read")
    remove_stale_directories()
    guest = new_guest(arguments.what, cmdline=arguments.cmdline, memory=arguments.memory,
                  smp=arguments.smp, load_module=not arguments.no_module,
                  icount=arguments.icount, interactive=arguments.what == "shell")
    guest.on_output = write_all
    stage = 1
    try:
        while True:
            guest.boot()
            if arguments.what == "shell":
                guest.shell()
                return 0
            try:
                return guest.run(runnable(arguments.script, guest), stage)
            except PowerCut:
                guest.kill()
                stage += 1
    except (GuestDied, TimeoutError) as error:
        sys.exit(f"error: {error or 'the guest does not answer'}\n"
                 f"the kernel's messages: {BUILD}/log/{arguments.what}.console")
    except KeyboardInterrupt:
        return 130
    finally:
        shutil.copy(guest.console, f"{BUILD}/log/{arguments.what}.console")
        if arguments.keep:
            shutil.rmtree(arguments.keep, ignore_errors=True)
            shutil.move(guest.out, arguments.keep)
        guest.end()


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
