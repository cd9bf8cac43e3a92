#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nothing of what is written in any way to an encrypted directory is on the disk in
# the clear: neither before nor after the key is removed, in the log, or as
# checksums of the plaintext.
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

marker=THE-PLAINTEXT-MARKER
text=$(printf "$marker\n%.0s" {1..7000})

# Each file gets the marker in another way.
write_all_ways() {
	echo "$text" >buffered
	echo "$text" >synced
	xfs_io -c fsync synced
	cp synced direct
	dd if=synced of=direct oflag=direct bs=64k count=2 conv=notrunc,fsync status=none
	truncate -s 160k mapped
	python3 -c 'import mmap, os, sys
fd = os.open("mapped", os.O_RDWR)
data = open("synced", "rb").read()
mmap.mmap(fd, 160 << 10)[: len(data)] = data'
	xfs_io -f -c 'falloc 0 256k' allocated
	dd if=synced of=allocated bs=64k conv=notrunc,fsync status=none
	touch nocow
	chattr +C nocow
	echo "$text" >nocow
	sync nocow
	dd if=synced of=nocow oflag=direct bs=64k count=2 seek=1 conv=notrunc,fsync status=none
	touch compressed
	chattr +c compressed
	echo "$text" >compressed
	cp --reflink=always buffered cloned
	echo "$text" >>cloned
	echo "$text" >defragmented
	sync defragmented
	echo "$text" >>defragmented
	btrfs filesystem defragment -f -czstd defragmented >/dev/null
	echo "$text" >truncated
	sync truncated
	truncate -s 130001 truncated
	echo "$marker" >small
	setfattr -n user.plain -v other small
	touch "name-$marker"
	mkdir "directory-$marker"
	mv small "directory-$marker/renamed-$marker"
	xfs_io -c fsync "directory-$marker/renamed-$marker"
	ln -s "/target/$marker" symlink
	btrfs subvolume create "subvolume-$marker" >/dev/null
}

start_encrypted
(cd "$encrypted" && write_all_ways)
exec 5<>"$encrypted/buffered"
sync
expect_not_on_disks $marker
remove_busy_key "$main"
echo "$text" >&5
xfs_io -c 'pwrite -q -S 0x41 1m 4k' -c fsync /proc/self/fd/5
expect_not_on_disks $marker
exec 5<&-
remove_key "$main"
expect_not_on_disks $marker

# The same way of searching finds it where it may be.
echo "$text" >"$plain/file"
sync
expect_on_disks 7000 $marker
rm "$plain/file"
add_key main
verify_offline
