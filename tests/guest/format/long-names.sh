#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Names of all lengths, of any bytes: with the key, and looked up and deleted by
# the no-key name, which for the longer ones has only a hash of the ciphertext.
. harness.sh
. encryption.sh

start_encrypted
python3 - "$encrypted" <<'END'
import os, random, sys
directory = os.fsencode(sys.argv[1])
random.seed(1)
for length in range(1, 256):
    name = bytes(random.choice([*range(1, 47), *range(48, 256)]) for _ in range(length))
    if name in (b".", b".."):
        name = b"-" * length
    path = directory + b"/" + name
    if length % 3:
        with open(path, "wb") as file:
            file.write(b"%d" % length)
    else:
        os.mkdir(path)
END
count() {
	find "$encrypted" -mindepth 1 -printf x | wc -c
}
list() {
	find "$encrypted" -mindepth 1 -printf '%i %y %P\0' | sort -z | sha256sum
}
names=$(list)
[ "$(count)" = 255 ] || fail "$(count) of 255 files are there"

drop_caches
remove_key "$main"
[ "$(count)" = 255 ] || fail "$(count) of 255 files are listed without the key"
nokey_names=$(list)
echo "with the key: $names, without: $nokey_names"
[ "$names" != "$nokey_names" ] || fail "names can be read without the key"
longest=$(find "$encrypted" -mindepth 1 -printf '%f\n' | awk '{ print length }' | sort -n | tail -1)
echo "the longest no-key name has $longest bytes"
[ "$longest" -gt 200 ] || fail "no long no-key name"
# Looks up each one, by the name alone.
drop_caches
find "$encrypted" -mindepth 1 -exec stat -c '%i' {} + | wc -l

add_key main
[ "$(list)" = "$names" ] || fail "the names are not the same again"
verify_offline
mount_btrfs
find "$encrypted" -mindepth 1 -delete
[ "$(count)" = 0 ] || fail "$(count) files can't be deleted without the key"
[ "$(stat -c %s "$encrypted")" = 0 ] || fail "the empty directory's size isn't 0"
add_key main
umount "$SCRATCH_MNT"
offline btrfs check --readonly "$SCRATCH_DEV"
