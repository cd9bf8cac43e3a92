#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Symbolic links with targets of all lengths up to what there is room for: each
# is read back, has its target's length as its size, and is followed.
. harness.sh
. encryption.sh

start_encrypted
cat >links.py <<'END'
import errno, os, sys
os.chdir(sys.argv[1])
# A file's block less a byte for NUL, as for all symlinks, and the length in front.
LONGEST = 4096 - 1 - 2
for length in [*range(1, 70), *range(250, 260), *range(4030, 4096)]:
    name, target = f"link-{length}", ("./" * length)[:length - 1] + "f"
    try:
        if sys.argv[2] == "create":
            os.symlink(target, name)
    except OSError as error:
        assert length > LONGEST and error.errno == errno.ENAMETOOLONG, f"{length}: {error.errno}"
        continue
    if length <= LONGEST:
        assert os.readlink(name) == target, f"another target of {length} bytes"
        assert os.lstat(name).st_size == length, f"{length}: wrong size"
    else:
        assert not os.path.lexists(name), f"a target of {length} bytes"
print(f"{sys.argv[2]}: all targets up to {LONGEST} bytes are right")
END
echo contents >"$encrypted/f"
python3 links.py "$encrypted" create
drop_caches
python3 links.py "$encrypted" read
[ "$(<"$encrypted/link-9")" = contents ] || fail "a link isn't followed"
remount
python3 links.py "$encrypted" read
verify_offline
at_least 100 "encrypted symlinks"
