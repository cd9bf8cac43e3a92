#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A file handle, as NFS has them, finds encrypted files again.  If nothing is
# cached then the kernel looks for the names of directories: they must be those
# that a lookup finds, with the key and without it.
. harness.sh
. encryption.sh

cat >handles.py <<'END'
"""usage: handles.py save FILE PATH... | handles.py open FILE MOUNTPOINT

Prints the path that each handle leads to.
"""
import os
import sys

import kernel

try:
    if sys.argv[1] == "save":
        with open(sys.argv[2], "wb") as file:
            for path in sys.argv[3:]:
                file.write(kernel.handle_of(path))
    else:
        mount = os.open(sys.argv[3], os.O_RDONLY)
        with open(sys.argv[2], "rb") as file:
            while handle := file.read(kernel.HANDLE_SIZE):
                fd = kernel.open_by_handle(mount, handle, os.O_RDONLY)
                print(os.readlink(f"/proc/self/fd/{fd}"))
except OSError as error:
    sys.exit(error.strerror)
END

start_encrypted
long=$(printf 'x%.0s' {1..255})
directories=("$encrypted/dir" "$encrypted/dir/$long" "$encrypted/dir/$long/inner")
mkdir "${directories[@]}"
echo contents >"$encrypted/dir/$long/inner/file"
btrfs subvolume create "$encrypted/dir/subvolume"
mkdir "$encrypted/dir/subvolume/inner"
directories+=("$encrypted/dir/subvolume/inner")
python3 handles.py save handles "${directories[@]}"
python3 handles.py save file-handle "$encrypted/dir/$long/inner/file"

# reopen KEY: in a fresh mount, print what the handles lead to
reopen() {
	umount "$SCRATCH_MNT"
	mount_btrfs
	[ "$1" = without ] || add_key main >/dev/null
	python3 handles.py open handles "$SCRATCH_MNT"
}

reopen with >found
printf '%s\n' "${directories[@]}" | diff - found
python3 handles.py open file-handle "$SCRATCH_MNT"

reopen without >found
find "$encrypted/"* -type d | sort >listed
# The directories, and those on the way to them.
sort found | comm -23 - listed >not-listed
cat found
[ ! -s not-listed ] || fail "a lookup finds no $(<not-listed)"
[ "$(wc -l <found)" = ${#directories[@]} ] || fail "not all were found"
expect_error 'Required key not available' python3 handles.py open file-handle "$SCRATCH_MNT"
