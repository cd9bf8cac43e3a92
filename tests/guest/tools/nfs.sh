#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An encrypted directory that a server exports by NFS: clients use it as one on ext4,
# while the server has the key and while it hasn't.
# long: yes
# vm: uml
. harness.sh
. encryption.sh
. beside-ext4.sh

# serve: export $SCRATCH_MNT and mount that on $TEST_DIR, so that the client asks for all
serve() {
	exportfs -o rw,no_root_squash,no_subtree_check,fsid=0 "127.0.0.1:$SCRATCH_MNT"
	rpc.nfsd -N 3 -U 2
	mount -t nfs4 -o vers=4.2,noac,lookupcache=none 127.0.0.1:/ "$TEST_DIR"
}

stop_serving() {
	umount "$TEST_DIR"
	rpc.nfsd 0
	exportfs -ua
	# The kernel knows the mount until then.
	exportfs -f
}

end() {
	! mountpoint -q "$TEST_DIR" || umount -f -l "$TEST_DIR"
	rpc.nfsd 0
	sysctl -q fs.leases-enable=1
	pkill 'rpc.mountd|nfsdcld' || true
}

# close_at_server: it keeps files open for a while, in case that somebody opens them again
close_at_server() {
	local i
	for ((i = 0; i < 30; i++)); do
		! grep -q '^total inodes: *0$' /proc/fs/nfsd/filecache || return 0
		sleep 1
	done
	cat /proc/fs/nfsd/filecache >&2
	fail "the server has files open"
}

# names DIRECTORY: what is in it
names() {
	# A directory's links are counted on ext4 only.
	(cd "$1" && find . \( -type d -printf '%p %y %m\n' -o -printf '%p %y %m %n %l\n' \) | sort)
}

with_key() {
	local at=$TEST_DIR/encrypted
	try mkdir -p "$at/dir/inner"
	try append "$at/dir/file" contents
	try append "$at/dir/file" more
	try xfs_io -f -c 'pwrite -q -S 0x61 0 300k' -c 'fpunch 64k 64k' -c 'falloc 300k 100k' \
		-c 'pwrite -q -S 0x62 310k 5k' -c 'truncate 390k' "$at/large"
	try xfs_io -f -d -c 'pwrite -q -S 0x63 0 128k' -c 'pwrite -q -S 0x64 16k 4k' "$at/direct"
	try xfs_io -f -c 'truncate 64k' -c 'mmap 0 64k' -c 'mwrite -S 0x65 4k 10k' -c 'msync -s' \
		"$at/mapped"
	# The server copies.
	try xfs_io -f -c "copy_range $at/large" "$at/copied"
	try touch "$at/$(printf 'n%.0s' {1..20})"
	try ln -s "$(printf 't%.0s' {1..20})" "$at/link"
	try ln "$at/dir/file" "$at/dir/other"
	try mv "$at/dir" "$at/moved"
	try mv "$at/moved/file" "$at/moved/inner/file"
	try mkfifo "$at/fifo"
	try ln "$at/moved/other" "$TEST_DIR/plain/other"
	try append "$TEST_DIR/plain/file" contents
	try ln "$TEST_DIR/plain/file" "$at/plain-file"
	try names "$at"
	try manifest "$at"
	try names "$encrypted"
	try manifest "$encrypted"
}

without_key() {
	local at=$TEST_DIR/encrypted file dir
	names "$at" | cut -d ' ' -f 2-4 | sort
	file=$(find "$at" -maxdepth 1 -type f -size 128k)
	dir=$(find "$at" -mindepth 1 -maxdepth 1 -type d)
	try cat "$file"
	try append "$file" more
	try truncate -s 5 "$file"
	try append "$at/new" contents
	try mkdir "$dir/new"
	try mv "$file" "$dir/new"
	try mv "$file" "$TEST_DIR/plain/new"
	try chmod 640 "$file"
	try stat -c '%F, %a, %s' "$file"
	try rm "$file"
}

show() {
	serve
	with_key
	# As somebody has that open, it can't be removed.
	exec 3<"$TEST_DIR/encrypted/moved/other"
	remove_busy_key "$main"
	try cat <&3
	exec 3<&-
	try add_key main
	close_at_server
	remove_key "$main"
	# The client, too, has the names that it has read.
	drop_caches
	without_key
	try add_key main
	drop_caches
	try manifest "$TEST_DIR/encrypted/moved"
	stop_serving
	try names "$encrypted"
	try manifest "$encrypted"
}

modprobe nfsd
mount -t nfsd nfsd /proc/fs/nfsd
# No delegations: they keep files open at the server while the client likes to cache them.
sysctl -q fs.leases-enable=0
mkdir /run/rpc_pipefs
mount -t rpc_pipefs rpc_pipefs /run/rpc_pipefs
trap end EXIT
# It tells the server that there are no clients from before that one had to wait for.
nfsdcld
rpc.mountd -N 3
same_on_ext4 show

# What ext4 hasn't: subvolumes, snapshots, shared extents.
btrfs subvolume create "$encrypted/subvolume"
cp "$encrypted/copied" "$encrypted/subvolume/file"
btrfs subvolume snapshot "$encrypted/subvolume" "$encrypted/snapshot"
serve
client=$TEST_DIR/encrypted
same_trees "$encrypted" "$client" "through NFS"
xfs_io -f -c "reflink $client/subvolume/file" "$client/cloned"
append "$client/snapshot/file" changed
cmp "$client/cloned" "$client/copied"
twin-io.py 1 400 "$client" "$TEST_DIR/plain"
same_trees "$encrypted" "$client" "through NFS"
stop_serving
verify_offline
