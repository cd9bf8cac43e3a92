#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files that were just written and closed don't keep a key from being removed,
# although btrfs still has work to do for them.
# It fails rarely if it does.
# variant: key-removal-1000-times long=yes timeout=3600 ROUNDS=1000
. harness.sh
. encryption.sh

rounds=${ROUNDS:-10}

start_encrypted
mkdir "$encrypted/"{compressed,nocow}
chattr +c "$encrypted/compressed"
chattr +C "$encrypted/nocow"
head -c 300k /dev/urandom >random
seq 50000 >numbers
for ((i = 1; i <= rounds; i++)); do
	cp random "$encrypted/file"
	cp numbers "$encrypted/compressed/file"
	cp random "$encrypted/nocow/file"
	xfs_io -f -c 'falloc 0 1m' -c 'pwrite -q 100k 100k' "$encrypted/allocated"
	cp random "$encrypted/deleted"
	rm "$encrypted/deleted"
	remove_key "$main" >said || fail "round $i: $(<said)"
	add_key main >/dev/null
	cmp random "$encrypted/file"
	cmp numbers "$encrypted/compressed/file"
	cmp random "$encrypted/nocow/file"
done
echo "the key was removed completely $rounds times"
