#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an fsync has logged of an authenticated file is changed on the disk before it is replayed,
# which is done without the key: a tag, or the item of an extent.  Reading finds it then.
# dmesg: BTRFS (error|warning) .*(authentication failed|errs: .* corrupt)
# vm: uml
. harness.sh
. tampering.sh
. log-writes.sh

start_log
mount_options+=,nodiscard,commit=3600
start_encrypted
touch "$encrypted/file" "$encrypted/other"
sync
head -c 32k /dev/urandom | tee file >"$encrypted/file"
head -c 32k /dev/urandom | tee other >"$encrypted/other"
xfs_io -c fsync "$encrypted/other"
xfs_io -c fsync "$encrypted/file"
file=$(stat -c %i "$encrypted/file")
other=$(stat -c %i "$encrypted/other")
dmsetup message logged 0 mark synced
end_log

# restore: what is on the disk when the files have been synced
for ((flush = flushes; ; flush--)); do
	cut_after "$flush"
	grep -q synced marks || break
done
synced=$((flush + 1))
restore() {
	cut_after "$synced"
}

# address BODY: of the extent that an item refers to
address() {
	echo $((16#$(echo "${1:2 * EXTENT_DISK_BYTENR_AT:16}" | fold -w 2 | tac | tr -d '\n')))
}

# logged ITEM ACTION...: in the log of the files' tree
logged() {
	offline corrupt-item --log --item "5:$1" "${@:2}" "${devices[@]}"
}

# expect_bad WHAT: reading the file, but not the other one
expect_bad() {
	mount_with_key
	dmesg | grep 'start tree-log replay' || fail "$1: there was no log"
	all_ways_fail "$encrypted/file" 0 4096 EBADMSG "$1"
	cmp other "$encrypted/other"
	umount "$SCRATCH_MNT"
}

restore
mount_with_key
cmp file "$encrypted/file"
cmp other "$encrypted/other"
umount "$SCRATCH_MNT"

restore
body=$(logged "$other:$EXTENT_DATA:0" --show | tail -n 1)
logged "$file:$EXTENT_DATA:0" --set "0:$body"
expect_bad 'the extent of another file'

restore
logged "$file:$EXTENT_DATA:0" --set "$EXTENT_WINDOW_END_AT:ffff0000"
expect_bad 'a wider window'

restore
# Those of both files are in one item.
first=$(address "$(logged "$other:$EXTENT_DATA:0" --show | tail -n 1)")
at=$(address "$(logged "$file:$EXTENT_DATA:0" --show | tail -n 1)")
block=$(((at - first) / 4096))
logged "$TAGS:$EXTENT_TAG:$first" --set $((16 * block)):00000000
expect_bad 'a tag'
