#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nothing crosses the border between policies: no clone, no deduplication, no
# link, no rename, no exchange.  But out of an encrypted directory into a plain
# one files may be moved, as on all filesystems.
. harness.sh
. encryption.sh

start_encrypted
make_key other
other=$(add_key other)
for name in other-key other-padding other-modes; do
	mkdir "$SCRATCH_MNT/$name"
done
set_policy "$SCRATCH_MNT/other-key" "$other" -v 2
set_policy "$SCRATCH_MNT/other-padding" "$main" -v 2 -f 0
set_policy "$SCRATCH_MNT/other-modes" "$main" -v 2 "${modes[Adiantum]}"

python3 - "$encrypted" "$plain" "$SCRATCH_MNT"/other-* <<'END'
import errno, kernel, os, sys

SIZE = 65536

def clone(source, target):
    with open(source, "rb") as a, open(target, "r+b") as b:
        kernel.clone_range(b, a.fileno(), 0, SIZE, 0)

def dedupe(source, target):
    with open(source, "rb") as a, open(target, "r+b") as b:
        status = kernel.dedupe(a, b.fileno(), SIZE)
    if status < 0:
        raise OSError(-status, "dedupe")

def exchange(source, target):
    kernel.renameat2(source, target, kernel.RENAME_EXCHANGE)

def result(function, source, target):
    try:
        function(source, target)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "done"

directories = sys.argv[1:]
encrypted, plain = directories[:2]
for directory in directories:
    os.mkdir(f"{directory}/dir")
    with open(f"{directory}/file", "wb") as file:
        file.write(b"x" * SIZE)
os.sync()
wrong = 0
for source in directories:
    for target in directories:
        if encrypted not in (source, target):
            continue
        same = source == target
        moved = "done" if same or target == plain else "EXDEV"
        for expected, function, old, new in (
                ("done" if same else "EINVAL", clone, "file", "file"),
                ("done" if same else "EINVAL", dedupe, "file", "file"),
                ("done" if same else "EXDEV", exchange, "file", "file"),
                (moved, os.link, "file", "linked"),
                (moved, os.rename, "file", "moved"),
                (moved, os.rename, "dir", "moved-dir")):
            # A file with itself is another matter.
            if same and old == new:
                continue
            found = result(function, f"{source}/{old}", f"{target}/{new}")
            print(f"{function.__name__} {old} from {os.path.basename(source)}"
                  f" to {os.path.basename(target)}: {found}")
            wrong += found != expected
            if found == "done" and function is os.link:
                os.unlink(f"{target}/{new}")
            elif found == "done" and new != old:
                os.rename(f"{target}/{new}", f"{source}/{old}")
sys.exit(f"{wrong} of these are wrong" if wrong else 0)
END
verify_offline --key "$OUT/other.key"
