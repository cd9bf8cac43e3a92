#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Sending an encrypted subvolume leaves no more inodes in memory than sending a plain one.
# vm: uml
. harness.sh
. encryption.sh

start_encrypted
# in_memory: how many inodes there are
in_memory() {
	cut -f 1 /proc/sys/fs/inode-nr
}

# left_by_send SNAPSHOT OPTION...: how many more there are afterwards
left_by_send() {
	local before
	drop_caches
	before=$(in_memory)
	btrfs send -q -f /dev/null "${@:2}" "$1"
	echo $(($(in_memory) - before))
}

make_subvolume() {
	local i
	btrfs subvolume create subvolume
	for i in $(seq 60); do
		mkdir "subvolume/directory-$i"
		echo "$i" >"subvolume/directory-$i/file"
		ln -s target "subvolume/directory-$i/link"
		mkfifo "subvolume/directory-$i/fifo"
	done
	btrfs subvolume snapshot -r subvolume snapshot
	for i in $(seq 60); do
		mv "subvolume/directory-$i" "subvolume/moved-$i"
		echo more >>"subvolume/moved-$i/file"
	done
	btrfs subvolume snapshot -r subvolume later
}
in_both make_subvolume
for option in "" --no-data --compressed-data; do
	plain_left=$(left_by_send "$plain/snapshot" $option)
	left=$(left_by_send "$encrypted/snapshot" $option)
	echo "${option:-no option}: plain $plain_left, encrypted $left"
	[ "$left" -le $((plain_left + 10)) ] || fail "inodes stay in memory"
done
[ "$plain_left" -lt 150 ] || fail "other inodes were counted"
for option in -p -c; do
	plain_left=$(left_by_send "$plain/later" $option "$plain/snapshot")
	left=$(left_by_send "$encrypted/later" $option "$encrypted/snapshot")
	echo "$option: plain $plain_left, encrypted $left"
	[ "$left" -le $((plain_left + 10)) ] || fail "inodes stay in memory"
done
