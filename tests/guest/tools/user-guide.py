#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
# The sessions in Documentation/user-guide.rst are true: each command is run and has
# to print what it prints there.
# timeout: 400
# dmesg: BTRFS error .*send: root .* is encrypted and its key is not available
"""Documentation/testing.rst says how the guide is written and compared."""
import os
import re
import secrets
import shutil
import subprocess
import sys

GUIDE = os.environ["REPO"] + "/Documentation/user-guide.rst"

# What the guide calls otherwise
NAMES = {
    # Hashing passphrases for as long as it should take is too slow without KVM.
    "fscrypt setup": "fscrypt setup --time=1ms",
    "/dev/sdb": os.environ["SCRATCH_DEV"],
    "/data": os.environ["SCRATCH_MNT"],
    "/dev/sdc": os.environ["TEST_DEV"],
    "/backup": os.environ["TEST_DIR"],
    "alice": "fsgqa",
}

# What is different each time: keys' descriptors and identifiers, no-key names
VARIABLE = re.compile(r"((?<![\w-])(?:[0-9a-f]{16}|[\w-]{22,})(?![\w-]))")

# A literal block that begins with a prompt, and a command with what it prints
SESSION = re.compile(r"(?<=::\n\n)\t[#$] .*\n(?:\t.*\n|\n)*")
COMMAND = re.compile(r"\t([#$]) (.*)\n((?:(?!\t[#$] ).*\n)*)")


def in_guest(text):
    for name, name_here in NAMES.items():
        text = re.sub(rf"(?<!\w){name}(?!\w)", name_here, text)
    return text


class Shell:
    """A shell that keeps its state from one session to the next."""

    def __init__(self, *command, cwd):
        self.process = subprocess.Popen(command, cwd=cwd, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    def run(self, command):
        mark = secrets.token_hex(8)
        self.process.stdin.write(f"{{ {command}\n}} </dev/null\necho; echo {mark}\n")
        self.process.stdin.flush()
        output = ""
        for line in self.process.stdout:
            if line.strip() == mark:
                return output
            output += line
        sys.exit(f"the shell ended in: {command}\n{output}")


class Variables:
    """What the guide's variable words stand for in this run."""

    def __init__(self):
        self.values = {}

    def replace(self, text):
        return VARIABLE.sub(lambda match: self.values.get(match[0], match[0]), text)

    def match(self, expected, output):
        """Whether the output is as expected; remembers the variable words in it."""
        groups = {}
        words = []
        for word in expected.split():
            pieces = VARIABLE.split(word)
            for i, piece in enumerate(pieces):
                if i % 2 == 0 or piece in self.values:
                    pieces[i] = re.escape(self.values.get(piece, piece))
                elif piece in groups:
                    pieces[i] = f"(?P={groups[piece]})"
                else:
                    groups[piece] = f"variable{len(groups)}"
                    pieces[i] = rf"(?P<{groups[piece]}>[\w-]{{{len(piece)}}})"
            words.append(".+" if word == "..." else "".join(pieces))
        match = re.fullmatch(" ".join(words), " ".join(output.split()))
        if match:
            self.values |= {word: match[group] for word, group in groups.items()}
        return bool(match)


def main():
    shells = {
        "#": Shell("bash", cwd="."),
        "$": Shell("su", NAMES["alice"], "-s", "/bin/bash", cwd="/home/" + NAMES["alice"]),
    }
    variables = Variables()
    wrong = done = 0
    with open(GUIDE, encoding="utf-8") as file:
        guide = file.read()
    # As in a system where nobody has used it
    subprocess.run(["rm", "-rf", "/.fscrypt", "/etc/fscrypt.conf"], check=True)
    for session in SESSION.finditer(guide):
        if "fscryptctl" in session[0] and not shutil.which("fscryptctl"):
            print("left out, as fscryptctl is not in GUEST_BIN:", session[0], sep="\n")
            continue
        for step in COMMAND.finditer(session[0]):
            prompt, command, expected = step.groups()
            command = variables.replace(in_guest(command))
            output = shells[prompt].run(command)
            print(f"{prompt} {command}\n{output}", end="", flush=True)
            done += 1
            if not variables.match(in_guest(expected), output):
                print(f"FAIL: the guide says:\n{expected}")
                wrong += 1
    print(f"{done} commands")
    if wrong or not done:
        sys.exit(f"{wrong} of {done} commands printed something else than the guide says")


main()
