#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What goes through encrypted files is not on the disk, whichever way it gets
# there, nor in the log: neither the data nor a name nor a symlink's target, with the
# files open or closed, before and after the key is removed.  Through plain files, it
# is.
. harness.sh
. encryption.sh

# The marker fits in a block and begins each one.
marker=Marker-6d61726b6572-in-the-data
name=Marker-6d61726b6572-in-the-name
target=Marker-6d61726b6572-in-the-target

# Writes the marker in all ways, into the current directory.
write_markers() {
	touch nocow
	chattr +C nocow
	python3 - "$marker" <<'END'
import mmap, os, sys
text = os.fsencode(sys.argv[1])
block = text.ljust(4096, b".")
data = block * 32

def open_new(name, flags=0):
    return os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o600)

os.pwrite(open_new("buffered"), data, 0)
os.pwrite(open_new("appended"), text, 0)
with open("short", "wb") as file:
    file.write(text)
pages = mmap.mmap(-1, len(data))
pages[:] = data
os.pwritev(open_new("direct", os.O_DIRECT), [pages], 0)
fd = open_new("mapped")
os.ftruncate(fd, len(data))
mmap.mmap(fd, len(data))[:] = data
fd = open_new("allocated")
os.posix_fallocate(fd, 0, 1 << 20)
os.pwrite(fd, data, 256 << 10)
fd = os.open("allocated", os.O_RDWR | os.O_DIRECT)
os.pwritev(fd, [pages], 512 << 10)
os.pwritev(os.open("nocow", os.O_RDWR | os.O_DIRECT), [pages], 0)
fd = os.open("nocow", os.O_RDWR)
os.fsync(fd)
os.pwrite(fd, data, 4096)
fd = open_new("truncated")
os.pwrite(fd, data, 0)
os.fsync(fd)
os.truncate(fd, 33 * 2048 + 1)
for algorithm in "zlib", "lzo", "zstd":
    fd = open_new(algorithm)
    os.setxattr(fd, "btrfs.compression", algorithm.encode())
    # So that it appears uncompressed in the compressed data as well.
    os.pwrite(fd, text + os.urandom(16) + bytes(128 << 10), 0)
END
	mkdir "directory-$name"
	echo "$marker" >"directory-$name/file"
	mv "directory-$name/file" "$name"
	xfs_io -c fsync "$name"
	ln -s "$target" link
	btrfs subvolume create "subvolume-$name" >/dev/null
	xfs_io -c "reflink buffered" -f cloned
	touch compressed
	chattr +c compressed
	cat direct >compressed
	printf '%s' "$marker" >>appended
	sync
	btrfs filesystem defragment -f mapped
	btrfs filesystem defragment -czstd -f buffered
}

start_encrypted
(cd "$encrypted" && write_markers)
sync
expect_not_on_disks "$marker" "$name" "$target"

echo "--- with a file open while the key is removed"
exec 5<>"$encrypted/buffered"
remove_busy_key "$main"
python3 -c '
import os, sys
os.pwrite(5, os.fsencode(sys.argv[1]).ljust(4096, b".") * 32, 1 << 20)
os.fsync(5)' "$marker"
expect_not_on_disks "$marker"
exec 5>&-
remove_key "$main"
sync
expect_not_on_disks "$marker" "$name" "$target"

echo "--- through plain files"
(cd "$plain" && write_markers)
sync
# Each of buffered, its clone, direct, mapped, the two in allocated and nocow.
expect_on_disks $((6 * 32)) "$marker"
expect_on_disks 1 "$name"
expect_on_disks 1 "$target"

add_key main
verify_offline
at_least 10 "encrypted files"
at_least 10 "encrypted extents"
