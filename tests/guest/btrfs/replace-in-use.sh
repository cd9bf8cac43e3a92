#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A disk of a RAID0 is replaced while files are in use.
. harness.sh
. encryption.sh

read -ra devices <<<"$SCRATCH_DEV_POOL"
start_encrypted --data raid0 --metadata raid1
head -c 10M /dev/urandom | tee "$plain/large" >"$encrypted/large"
twin-io.py 8 200 "$plain" "$encrypted" &
btrfs replace start -B 2 "$SCRATCH_DEV" "$SCRATCH_MNT"
devices=("${devices[0]}" "${devices[@]:2}" "$SCRATCH_DEV")
wait $!
same_in_both
verify_offline
