#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is sent of plain subvolumes is, byte for byte, what the unpatched btrfs sends, also where
# there is encryption elsewhere.
# module: no
# kernel: normal
. harness.sh
. encryption.sh
. stock-btrfs.sh

mount_options=noatime,compress=zstd
new_btrfs
btrfs subvolume create "$SCRATCH_MNT/tree"
for i in 1 2 3 4; do
	random-tree.py "plain-$i" 60 "$SCRATCH_MNT/tree" one= two= >/dev/null
	btrfs subvolume snapshot -r "$SCRATCH_MNT/tree" "$SCRATCH_MNT/$i"
done

# streams: print the checksums of streams with all kinds of options
streams() {
	local options
	for options in "/1" "-p /1 /2" "-p /2 /1" "-p /1 -c /2 /3" "-p /3 -c /1 -c /2 /4" \
		"--no-data /4" "--proto 2 /2" "--compressed-data /3" "-p /1 --compressed-data /4"; do
		read -ra words <<<"$options"
		btrfs send -q "${words[@]/#\//$SCRATCH_MNT/}" | sha256sum | sed "s,-\$,$options,"
	done
}

streams | tee ours
umount "$SCRATCH_MNT"
swap_btrfs insmod "$UNPATCHED_BTRFS"
mount_btrfs
streams | diff ours - || fail "the unpatched btrfs sends something else"
umount "$SCRATCH_MNT"
swap_btrfs modprobe btrfs
[ "$(cut -d ' ' -f 1 ours | sort -u | wc -l)" = 9 ] || fail "streams are alike that shouldn't be"

mount_btrfs
make_directories
touch "$encrypted/file"
streams | diff ours - || fail "beside encrypted files, something else is sent"
