#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Two clones of one preallocated extent, beside each other, have windows of their own, and become
# one item when they are written only if their windows are the same.  All can be read.
# vm: uml
. harness.sh
. encryption.sh

POLICY_FLAGS=0x82
start_encrypted
cd "$encrypted"
fallocate -l 64k whole
xfs_io -f -c 'truncate 64k' -c "reflink whole 0 0 32k" -c "reflink whole 32k 32k 32k" clones
rm whole
btrfs filesystem sync .
before=$(filefrag -v clones | awk '$1 == "0:" { print $4 }')
head -c 32k /dev/urandom >data
dd if=data of=clones bs=4k seek=4 conv=notrunc,fsync status=none
sync
[ "$(filefrag -v clones | awk '$1 == "0:" { print $4 }')" = "$before" ] ||
	fail "it wasn't written in place"
drop_caches
{
	head -c 16k /dev/zero
	cat data
	head -c 16k /dev/zero
} | cmp - clones || fail "what was written can't be read"
cd /
verify_offline
at_least 4 'authenticated extent items'
