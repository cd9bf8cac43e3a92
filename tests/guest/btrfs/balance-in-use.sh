#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Everything is relocated, several times, while files are in use.
# variant: balance-in-use-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

start_encrypted
head -c 5M /dev/urandom | tee "$plain/large" >"$encrypted/large"
twin-io.py 9 300 "$plain" "$encrypted" &
for profile in dup single dup; do
	btrfs balance start --full-balance --force -dconvert=$profile "$SCRATCH_MNT"
done
wait $!
same_in_both
verify_offline
