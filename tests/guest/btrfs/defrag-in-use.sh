#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files are defragmented while they are in use, which makes new extents of their
# data, compressed ones too.
# variant: defrag-in-use-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

count_extents() {
	sync
	btrfs inspect-internal dump-tree -t fs "$SCRATCH_DEV" |
		grep -c "key ($(stat -c %i "$1") EXTENT_DATA"
}

start_encrypted
for ((i = 0; i < 64; i++)); do
	seq $((i * 1000)) $((i * 1000 + 999)) | tee -a "$plain/fragments" >>"$encrypted/fragments"
	sync "$encrypted/fragments"
done
before=$(count_extents "$encrypted/fragments")
twin-io.py 10 200 "$plain" "$encrypted" &
io=$!
while kill -0 $io 2>/dev/null; do
	btrfs filesystem defragment -r -f "$SCRATCH_MNT" >/dev/null
	btrfs filesystem defragment -r -f -czstd "$SCRATCH_MNT" >/dev/null
done
wait $io
after=$(count_extents "$encrypted/fragments")
echo "$before extents before, $after after"
[ "$after" -lt "$before" ] || fail "nothing was defragmented"
same_in_both
verify_offline
