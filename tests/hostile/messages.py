# SPDX-License-Identifier: GPL-2.0-only
"""What the kernel says, and what that and the answers mean together."""

import collections
import errno
import os
import re
import sys
import time

sys.path.append(os.path.join(os.path.dirname(__file__), "../vm"))
from splats import SPLAT  # noqa: E402

# Each message with which an invalid item is refused that is encryption's own.  But for the
# flags of an inode and of a name without the feature, as the leaf that is read first begins
# with another item: see bad-missing-feature and bad-encrypted-name.
OURS = {
    "tree checker: encrypted extent's item size": "invalid item size for encrypted file extent",
    "tree checker: encrypted hole": "encrypted hole",
    "tree checker: extent's context": "invalid extent encryption context",
    "tree checker: encrypted inline extent": "encrypted inline extent",
    "tree checker: encryption flag of a special file": "encryption flag with mode",
    "tree checker: extent without feature": "invalid encryption for file extent",
    "tree checker: context without feature":
        "encryption context without the EXTENT_FSCRYPT incompat feature",
    "tree checker: context's key offset": "invalid key offset for encryption context",
    "tree checker: context's version and size": "invalid encryption context: has version",
    "inode: flag without context": "has the encryption flag but no encryption context",
    "inode: context without flag": "has an encryption context but no encryption flag",
    "names: directory that is none": "has names in it but is no directory",
    "names: subvolume that is none": "has names in it but is no subvolume",
    "names: no plaintext": "has a name that can't be decrypted",
    "lookup: policy of the directory": "lacks the encryption policy of its directory",
    "extent: plain in an encrypted file": "plain extent in encrypted file",
    "extent: encrypted in a plain file": "encrypted extent in plain file",
    "fs/crypto: unsupported policy": "Unsupported encryption (modes|flags)|Reserved bits set"
                                     "|Unsupported log2_data_unit_size",
    "fs/crypto: inconsistent context": "[Ii]nconsistent encryption context",
}
# What only who has the key can find
NEEDS_KEY = {"names: no plaintext"}

ERROR = re.compile(r"BTRFS (critical|error|warning)|BTRFS: (error|Transaction aborted)"
                   r"|fscrypt \(|WARNING: ")
# btrfs gives up a transaction with the first of these lines, a trace, and the second one,
# if what is on disk contradicts itself.
WARNING = re.compile(r"WARNING: \S+:(\d+) at (\w+)\+")
ABORTED = re.compile(r"BTRFS: error \(device .*\) in (\w+):(\d+): errno=")
# What is wrong with the unpatched btrfs, too, after the same kinds of changes to images
# without encryption: see run.py --plain.
STOCK = re.compile(
    # The reference to an extent isn't found, or is another one.
    r"WARNING: .* at (__btrfs_free_extent|lookup_inline_extent_backref"
    r"|btrfs_get_extent_inline_ref_type)\+"
    # Of a name that doesn't fit its hash.
    r"|WARNING: .* at btrfs_del_inode_ref\+"
    # What an aborted transaction had reserved or pinned, at unmount.
    r"|WARNING: .* at (btrfs_release_global_block_rsv|check_removing_space_info"
    r"|btrfs_put_block_group|btrfs_destroy_inode)\+"
    # A name of an inode that should have none, or that has 2^32 - 1.
    r"|WARNING: .* at (drop_nlink|__destroy_inode)\+"
    # A size of more than 2^63.
    r"|WARNING: .* at pagecache_isize_extended\+")
# Less often than this, each kind of btrfs's messages may be printed again.
RATE_LIMIT_SECONDS = 5


def is_error(line):
    return bool(ERROR.search(line))


def wrong(lines, secrets):
    """Returns the first thing that the kernel must not say, or ""."""
    said = []
    aborted = {match.groups() for line in lines if (match := ABORTED.match(line))}
    for line in lines:
        if any(secret.decode() in line for secret in secrets):
            return f"in the log in the clear: {line}"
        if SPLAT.search(line):
            warning = WARNING.match(line)
            if not warning or warning.groups()[::-1] not in aborted:
                said.append(f"kernel: {line}")
    # Others may follow from what stock btrfs does.
    return next((line for line in said if not STOCK.search(line)), "".join(said[:1]))


BEGIN = "hostile image "


def begin(seed):
    """Marks where the messages of a seed begin."""
    with open("/dev/kmsg", "w", encoding="ascii") as file:
        file.write(f"{BEGIN}{seed}\n")


def since_begin(lines):
    starts = [number for number, line in enumerate(lines) if line.startswith(BEGIN)]
    return lines[starts[-1]:] if starts else lines


def judge(why):
    """What that is which the kernel must not say or do."""
    return "stock" if STOCK.search(why) else "wrong"


class Kernel:
    """Reads the kernel's messages as they come."""

    def __init__(self):
        self.fd = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
        os.lseek(self.fd, 0, os.SEEK_END)
        self.lines = []
        self.last_error = 0

    def peek(self):
        while True:
            try:
                record = os.read(self.fd, 8192)
            except BlockingIOError:
                return self.lines
            except BrokenPipeError:
                # Some were overwritten.
                continue
            text = record.decode("utf-8", "replace").split(";", 1)[-1]
            self.lines.append(text.split("\n", 1)[0])
            if is_error(text):
                self.last_error = time.monotonic()

    def has_reported(self):
        """Whether there are errors, or it may have left some out because of others."""
        return (any(map(is_error, self.peek()))
                or time.monotonic() - self.last_error < RATE_LIMIT_SECONDS)

    def has_aborted(self):
        """Whether the filesystem has become read-only."""
        return any("forced readonly" in line for line in self.peek())

    def read(self):
        lines = self.peek()
        self.lines = []
        return lines


class Outcome:
    """How it went with one image.

    refused	    it can't be mounted
    tree checker    a leaf is refused, for a reason that btrfs has without encryption
    ours	    something is refused for a reason of encryption
    other	    something is different from before, for example an error
    the same	    nothing is
    stock	    what must not be, but unpatched btrfs does it, too
    wrong	    what must not be
    """

    def __init__(self, mutation, mounted, reached, differences, said, why_wrong, answers):
        self.mutation = mutation
        self.reached = reached and not mounted
        self.answers = answers
        self.wrong = why_wrong
        self.ours = [name for name, text in OURS.items()
                     if any(re.search(text, line) for line in said)]
        if why_wrong:
            self.what = judge(why_wrong)
        elif mounted:
            self.what = "refused"
        elif self.ours:
            self.what = "ours"
        elif any("corrupt leaf" in line for line in said):
            self.what = "tree checker"
        else:
            self.what = "other" if differences else "the same"

    def check_finds_nothing(self, mode):
        """Takes note that btrfs check finds nothing in this mode.  It doesn't replay logs."""
        if self.mutation.group.startswith("log: ") and not any(
                name.startswith("tree checker") for name in self.ours):
            return
        if not self.ours or not NEEDS_KEY.issuperset(self.ours):
            self.what = "wrong"
            self.wrong = (f"btrfs check --mode {mode} finds nothing, the kernel "
                          + (", ".join(self.ours) or "a corrupt leaf"))

    def line(self):
        fields = [self.mutation.seed, self.mutation.group, self.what,
                  "reached" if self.reached else "not reached", "; ".join(self.ours),
                  self.mutation.description, self.wrong]
        return "\t".join(str(field).replace("\t", " ") for field in fields)


ENOUGH_TO_REACH, ENOUGH_FOR_ALL = 200, 5000
WHAT = ["refused", "tree checker", "ours", "other", "the same", "stock", "wrong"]


def report(lines):
    """Prints what became of all images; returns how many are wrong."""
    table = collections.defaultdict(collections.Counter)
    ours, stock = collections.Counter(), collections.Counter()
    reached = 0
    wrongs = []
    # What was tried again counts once.
    lines = {line.split("\t")[0]: line for line in lines}
    for line in lines.values():
        seed, group, what, was_reached, names, description, why = line.rstrip("\n").split("\t")
        if why:
            # If the guest ended, nobody could know before.
            what = judge(why)
            if what == "stock":
                stock[STOCK.search(why)[0]] += 1
            else:
                wrongs.append(f"seed {seed}: {group}: {description}: {why}")
        table[group][what] += 1
        table["all"][what] += 1
        reached += was_reached == "reached"
        ours.update(names.split("; ") if names else [])
    print(f"{'group of items':45}" + "".join(f"{what:>13}" for what in WHAT))
    for group, counts in sorted(table.items()):
        print(f"{group:45}" + "".join(f"{counts[what]:13}" for what in WHAT))
    for name in OURS:
        print(f"{ours[name]:6} {name}")
    for name, count in sorted(stock.items()):
        print(f"{count:6} stock: {name}")
    print(f"{reached} of {len(lines)} were mounted and what was changed was used")
    # What the images must show; a few can't.
    if len(lines) >= ENOUGH_TO_REACH and 2 * reached < len(lines):
        wrongs.append("less than half of the images were mounted and used")
    if len(lines) >= ENOUGH_FOR_ALL:
        wrongs += [f"in no image: {name}" for name in OURS if not ours[name]]
    for wrong in wrongs:
        print(wrong)
    return len(wrongs)


def print_answers(lines):
    """Prints how often each operation gave which error."""
    table = collections.defaultdict(collections.Counter)
    for line in lines:
        what, number, count = line.rstrip("\n").split("\t")
        table[what][int(number)] += int(count)
    for what, counts in sorted(table.items()):
        print(f"{what:28}" + " ".join(
            f"{errno.errorcode.get(number, 'ok')}={count}"
            for number, count in sorted(counts.items())))


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        sys.exit(1 if report(file) else 0)
