#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while a file is open: that file can be read and written as
# before, in new extents too; others can't be opened.  The key is gone after the
# last close, and nothing that was written is lost.
. harness.sh
. encryption.sh

start_encrypted
head -c 1M /dev/urandom | tee original expected >"$encrypted/open"
echo secret >"$encrypted/other"
cp expected "$encrypted/deleted"
drop_caches
exec 5<>"$encrypted/open" 6<"$encrypted/deleted"
rm "$encrypted/deleted"

remove_busy_key "$main"
expect_error 'Required key not available' cat "$encrypted/other"
expect_error 'Required key not available' touch "$encrypted/created"

# through_open_file COMMAND: what xfs_io does with the open file and with a copy
through_open_file() {
	xfs_io "$@" /proc/self/fd/5 >/dev/null
	xfs_io "$@" expected >/dev/null
	cmp expected /proc/self/fd/5
	drop_caches
	cmp expected /proc/self/fd/5
	echo "open file still right after: ${*:(-1)}"
}

through_open_file -c 'pwrite -S 1 100k 300k'
through_open_file -c 'pwrite -S 2 2m 1m' -c fsync
through_open_file -c 'mmap -w 0 1m' -c 'mwrite -S 3 500k 100k' -c 'msync -s'
through_open_file -c 'falloc 4m 1m' -c 'pwrite -S 4 4500k 64k'
through_open_file -c 'truncate 2500001'
xfs_io -d -c 'pwrite -S 5 1m 128k' /proc/self/fd/5 >/dev/null
xfs_io -c 'pwrite -S 5 1m 128k' expected >/dev/null
through_open_file -c 'pwrite -S 6 0 1'

key_status "$main" 'Incompletely removed'
cmp original - <&6
exec 5<&- 6<&-
remove_key "$main"
expect_error 'Required key not available' cat "$encrypted"/*

add_key main
cmp expected "$encrypted/open"
[ "$(<"$encrypted/other")" = secret ] || fail "the other file was lost"
verify_offline
