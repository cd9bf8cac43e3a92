#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Streams of plain subvolumes are received in an encrypted directory: full, incremental, with
# clone sources, which may be plain, and with compressed data, which isn't decompressed.
# vm: uml
. harness.sh
. encryption.sh

# receive_and_compare NAME OPTION...: send that subvolume with these options
receive_and_compare() {
	local name=$1
	shift
	btrfs send -q "$@" "$source/$name" >stream
	btrfs -vvv receive "$received" <stream 2>said || {
		cat said
		fail "$name can't be received"
	}
	! grep 'falling back' said || fail "compressed data was decompressed"
	drop_caches
	same_trees "$source/$name" "$received/$name" "as received with ${*:-no option}"
}

source=$plain
received=$encrypted/in/here
mount_options=noatime,compress-force=zstd
start_encrypted
mkdir -p "$received"
btrfs subvolume create "$source/subvolume"
mkdir "$source/subvolume/directory"
python3 -c 'import sys; sys.stdout.write("compressible " * 60000)' >"$source/subvolume/text"
head -c 300k /dev/urandom >"$source/subvolume/directory/random"
mkfifo "$source/subvolume/fifo"
ln -s target "$source/subvolume/link"
btrfs subvolume snapshot -r "$source/subvolume" "$source/first"
xfs_io -c 'pwrite -q -S 7 100k 10k' "$source/subvolume/directory/random"
mv "$source/subvolume/directory" "$source/subvolume/renamed"
head -c 300k /dev/urandom >"$source/subvolume/new"
btrfs subvolume snapshot -r "$source/subvolume" "$source/second"
xfs_io -f -c "reflink $source/second/text 0 0 100k" "$source/subvolume/clone"
btrfs subvolume snapshot -r "$source/subvolume" "$source/third"
python3 -c 'import sys; sys.stdout.write("another text " * 60000)' >"$source/subvolume/another"
btrfs subvolume snapshot -r "$source/subvolume" "$source/fourth"

receive_and_compare first
receive_and_compare second -p "$source/first"
receive_and_compare third -c "$source/first" -c "$source/second"
receive_and_compare fourth -p "$source/third" --proto 2 --compressed-data
btrfs receive --dump <stream | grep '^encoded_write' || fail "no data was sent compressed"

echo "--- a clone source with another policy"
remount
btrfs subvolume delete "$received"/*
mkdir "$plain/copies"
btrfs send -q "$source/second" | btrfs receive "$plain/copies"
btrfs send -q "$source/first" | btrfs receive "$received"
btrfs send -q -p "$source/first" -c "$source/second" "$source/third" >stream
btrfs receive --dump <stream | grep '^clone .*new' || fail "nothing was to be cloned from there"
btrfs receive "$received" <stream
same_trees "$source/third" "$received/third" "with a plain clone source"

echo "--- where only a subvolume is mounted"
btrfs subvolume delete "$received"/*
remount
btrfs subvolume create "$encrypted/home"
mount -o "$mount_options,subvol=encrypted/home" "$SCRATCH_DEV" "$TEST_DIR"
btrfs send -q "$source/first" | btrfs receive "$TEST_DIR"
btrfs send -q -p "$source/first" "$source/second" | btrfs receive "$TEST_DIR"
same_trees "$source/second" "$TEST_DIR/second" "as received in a mounted subvolume"
umount "$TEST_DIR"

echo "--- without the key"
remove_key "$main"
expect_error 'Required key not available' btrfs receive "$SCRATCH_MNT/encrypted" <stream
add_key main >/dev/null
verify_offline
