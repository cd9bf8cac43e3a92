#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is encrypted can't be sent: the stream has neither contexts nor ciphertext.  The
# names of FIFOs, sockets and devices are encrypted, though their inodes aren't.  What
# has nothing to do with encryption can be sent.
# dmesg: BTRFS error .*send: root [0-9]+ inode [0-9]+ is encrypted, which is not supported
. harness.sh
. encryption.sh

start_encrypted
failed=()

# expect_refused CASE OPTION...: send fails, and no path is ciphertext up to there
expect_refused() {
	local case=$1 said
	shift
	if said=$(btrfs send -q -f stream "$@" 2>&1); then
		failed+=("$case: succeeded")
	elif [[ $said != *"Operation not supported"* ]]; then
		failed+=("$case: $said")
	fi
	send-paths.py stream >paths
	if grep '[\\]x' paths; then
		failed+=("$case: ciphertext")
	fi
	rm stream
}

# new_subvolume NAME: with $public, where FIFOs are made first: what is moved from there to
# $private has a lower inode number than the directory, and is sent before it
new_subvolume() {
	subvolume=$SCRATCH_MNT/$1
	public=$subvolume/public
	private=$subvolume/private
	btrfs subvolume create "$subvolume" >/dev/null
	mkdir "$public"
	mkfifo "$public"/fifo{1..9}
	mkdir "$private"
	set_policy "$private" "$main" -v 2
}

snapshot() {
	btrfs subvolume snapshot -r "$subvolume" "$subvolume-$1" >/dev/null
}

socket() {
	python3 -c 'import socket, sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])' "$1"
}

# What the incremental cases begin with
fill() {
	mv "$public"/fifo{1..4} "$private"
	mkfifo "$private/fifo"
	socket "$private/socket"
	mknod "$private/null" c 1 3
	mknod "$private/loop" b 7 0
	ln -s target "$private/link"
	mkdir "$private/empty" "$private/dir"
	mkfifo "$private/dir/fifo"
	echo secret >"$private/file"
	echo public >"$public/file"
}

# Each changes something between two snapshots.
c_mode_of_fifo() { chmod 600 "$private/fifo1"; }
c_mode_of_socket() { chmod 600 "$private/socket"; }
c_owner_of_device() { chown 1 "$private/null"; }
c_times_of_device() { touch "$private/loop"; }
c_acl_of_fifo() { setfacl -m u:1:r "$private/fifo2"; }
c_nested() { chmod 600 "$private/dir/fifo"; }
c_new() { mkfifo "$private/new"; }
c_new_socket() { socket "$private/new"; }
c_new_link() { ln -s target "$private/new"; }
c_new_dir() { mkdir "$private/new"; }
c_moved_in() { mv "$public/fifo5" "$private"; }
c_moved_out() { mv "$private/fifo1" "$public"; }
c_moved_down() { mv "$private/fifo1" "$private/dir"; }
c_exchanged() { exchange.py "$private/fifo1" "$public/fifo6"; }
c_renamed() { mv "$private/fifo1" "$private/renamed"; }
c_linked_in() { ln "$public/fifo5" "$private"; }
c_linked_out() { ln "$private/fifo1" "$public/linked"; }
c_removed() { rm "$private/fifo1"; }
c_removed_socket() { rm "$private/socket"; }
c_removed_link() { rm "$private/link"; }
c_removed_dir() { rmdir "$private/empty"; }
c_removed_all() { rm -r "$private"; }
c_file_linked_out() { ln "$private/file" "$public/secret"; }

echo "--- full"
new_subvolume full
snapshot empty
expect_refused "an empty directory" "$subvolume-empty"
mv "$public"/fifo{1..4} "$private"
snapshot moved
expect_refused "FIFOs" "$subvolume-moved"
new_subvolume linked
ln "$public/fifo1" "$private"
snapshot all
expect_refused "a link" "$subvolume-all"

echo "--- incremental"
for change in $(compgen -A function c_); do
	new_subvolume "$change"
	fill
	snapshot before
	"$change"
	snapshot after
	expect_refused "$change" -p "$subvolume-before" "$subvolume-after"
	expect_refused "$change, back" -p "$subvolume-after" "$subvolume-before"
	expect_refused "$change, clone source" -c "$subvolume-before" "$subvolume-after"
done

echo "--- a subvolume with a policy"
btrfs subvolume create "$encrypted/subvolume" >/dev/null
mkfifo "$encrypted/subvolume/fifo"
for name in 1 2; do
	btrfs subvolume snapshot -r "$encrypted/subvolume" "$encrypted/snapshot-$name" >/dev/null
done
expect_refused "the name of a subvolume" "$encrypted/snapshot-1"
expect_refused "the name of a snapshot" -p "$encrypted/snapshot-1" "$encrypted/snapshot-2"

echo "--- nothing of that"
new_subvolume unchanged
fill
snapshot before
echo more >>"$public/file"
mv "$public/fifo5" "$public/moved"
snapshot after
btrfs send -q -f stream -p "$subvolume-before" "$subvolume-after"
grep -q more stream
btrfs subvolume create "$plain/subvolume"
echo public >"$plain/subvolume/file"
btrfs subvolume snapshot -r "$plain/subvolume" "$plain/snapshot"
btrfs send -q -f stream "$plain/snapshot"
grep -q public stream

printf '%s\n' "${failed[@]}"
[ ${#failed[@]} = 0 ] || fail "${#failed[@]} streams were made, or with ciphertext"
