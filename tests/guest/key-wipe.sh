#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Once a key is reported as absent, nothing that its contents keys could be had
# from is in memory any more.
# memory: 768
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

# search present|wiped: look for the secrets in memory; fail unless all are there,
# or none is
search() {
	local name count
	dump_ram "$OUT/ram"
	offline python3 tests/guest/derived-secrets.py "$OUT/main.key" "$context" "$OUT/ram" >found
	rm "$OUT/ram"
	while read -r count name; do
		echo "$name: in $count places"
		case $1 in
		present) [ "$count" -gt 0 ] || fail "the search can't be right" ;;
		wiped) [ "$count" -eq 0 ] || fail "not wiped: $name" ;;
		esac
	done <found
}

start_encrypted
head -c 64k /dev/urandom >"$encrypted/file"
sync
inode=$(stat -c %i "$encrypted/file")
context=$(offline corrupt-item --item "5:$inode:108:0" --show "$SCRATCH_DEV" | tail -c 33)

exec 5<"$encrypted/file"
drop_caches
cat <&5 >/dev/null
search present

xfs_io -c "rm_enckey $main" "$SCRATCH_MNT"
key_status "$main" 'Incompletely removed'
exec 5<&-
remove_key "$main"
search wiped
