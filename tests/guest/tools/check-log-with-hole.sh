#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs check finds nothing wrong with the log of a file that was written to at the
# beginning of a hole.
# vm: uml
. harness.sh
. encryption.sh

# So that the log stays.
mount_options+=,commit=3600
start_encrypted
sync
for file in "$encrypted/file" "$plain/file"; do
	xfs_io -f -c 'pwrite -q 0 4k' -c 'pwrite -q 1m 4k' -c fsync "$file"
	xfs_io -c 'pwrite -q 4k 4k' -c fsync "$file"
done
btrfs inspect-internal dump-tree "$SCRATCH_DEV" >tree
holes=$(grep -A1 'extent data disk byte 0 nr 0' tree | grep -c 'extent data offset [1-9]') ||
	fail "there is no hole with an offset in the log"
[ "$holes" = 2 ] || fail "the log has $holes holes with an offset instead of 2"
btrfs check --readonly --force "$SCRATCH_DEV" || fail "btrfs check has found something"
