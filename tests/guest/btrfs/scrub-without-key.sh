#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Scrub repairs encrypted extents without the key.
# dmesg: BTRFS (error|warning) .*(checksum error|csum failed|fixed up error|errs: .* corrupt|scrub: )
. harness.sh
. copies.sh

marker=PLAINTEXT-UNDER-SCRUB
devices=("$SCRATCH_DEV" "$TEST_DEV")
start_encrypted --data raid1 --metadata raid1
text=$(printf "$marker\n%.0s" {1..3000})
for ((i = 0; i < 8; i++)); do
	head -c 64k <<<"$text" >>"$encrypted/file"
	sync "$encrypted/file"
done
cp "$encrypted/file" file
spoil_copies "$encrypted/file"

key_status "$main" Absent
btrfs scrub start -B "$SCRATCH_MNT" | tee scrub
grep "Corrected: *${#spoilt[@]}\$" scrub
grep 'Uncorrectable: *0' scrub
[ "$(bad_copies)" = 0 ] || fail "not all copies were repaired"
btrfs scrub start -Br "$SCRATCH_MNT" | tee scrub
grep 'no errors found' scrub

add_key main
cmp file "$encrypted/file"
verify_offline
expect_not_on_disks $marker
