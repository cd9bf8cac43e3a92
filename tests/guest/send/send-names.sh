#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Whatever changes names in encrypted directories is sent with the key, as plaintext, and
# not at all without it, with or without data: neither ciphertext nor no-key names are in a
# stream.  The names of FIFOs, sockets and devices are encrypted, though their inodes aren't.
# vm: uml
# timeout: 600
# dmesg: BTRFS error .*send: root [0-9]+ inode [0-9]+ is encrypted and its key is not available
. harness.sh
. encryption.sh

start_encrypted
failed=()
snapshots=()

received=$SCRATCH_MNT/received
mkdir "$received"

# expect_sent CASE OPTION... SNAPSHOT: it is sent and received, and nothing is different
expect_sent() {
	local case=$1 said sent=${*: -1}
	local copy=$received/${sent##*/}
	shift
	# What an earlier stream made of it is what the parent is for others.
	[ ! -e "$copy" ] || btrfs subvolume delete "$copy" >/dev/null
	if ! said=$(btrfs send -q -f stream "$@" 2>&1); then
		failed+=("$case: send: $said")
	elif ! said=$(btrfs receive -q -f stream "$received" 2>&1); then
		failed+=("$case: receive: $said")
	elif ! tree-state.py "$sent" | diff - <(tree-state.py "$copy"); then
		failed+=("$case: received otherwise")
	fi
	rm stream
}

# expect_refused CASE OPTION... SNAPSHOT: send fails, and no path is ciphertext up to there
expect_refused() {
	local case=$1 said
	shift
	if said=$(send-to-file.py stream "$@" 2>&1); then
		failed+=("$case: succeeded")
	elif [[ $said != *"Required key not available"* ]]; then
		failed+=("$case: $said")
	fi
	send-paths.py stream | sed '1{/^c_/d}' >paths
	if grep -E '[\\]x|[A-Za-z0-9_-]{22}' paths; then
		failed+=("$case: ciphertext")
	fi
	# It has no name in the stream yet.
	if [ "$case" = "a link" ] && grep "^o$(stat -c %i "$SCRATCH_MNT/linked/public/fifo1")-" paths; then
		failed+=("$case: it was begun")
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
c_attribute_of_file() { setfattr -n user.name -v value "$private/file"; }
c_acl_of_dir() { setfacl -m u:1:r "$private/dir"; }
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

# each_incremental FUNCTION: call it with each of these cases and the options of send
each_incremental() {
	for change in "${changes[@]}"; do
		subvolume=$SCRATCH_MNT/$change
		"$1" "$change" -p "$subvolume-before" "$subvolume-after"
		"$1" "$change, back" -p "$subvolume-after" "$subvolume-before"
	done
}

# each_case FUNCTION: call it with each case, parents first
each_case() {
	"$1" "an empty directory" "$SCRATCH_MNT/full-empty"
	"$1" "FIFOs" "$SCRATCH_MNT/full-moved"
	"$1" "a link" "$SCRATCH_MNT/linked-all"
	for change in "${changes[@]}"; do
		"$1" "before $change" "$SCRATCH_MNT/$change-before"
	done
	each_incremental "$1"
	"$1" "clone source" -c "$SCRATCH_MNT/c_nested-before" "$SCRATCH_MNT/c_nested-after"
	"$1" "the name of a subvolume" "$named-1"
	"$1" "the name of a snapshot" -p "$named-1" "$named-2"
}

new_subvolume full
snapshot empty
mv "$public"/fifo{1..4} "$private"
snapshot moved
new_subvolume linked
ln "$public/fifo1" "$private"
snapshot all
mapfile -t changes < <(compgen -A function c_)
for change in "${changes[@]}"; do
	new_subvolume "$change"
	fill
	snapshot before
	"$change"
	snapshot after
done
# A subvolume with a policy
btrfs subvolume create "$encrypted/subvolume" >/dev/null
mkfifo "$encrypted/subvolume/fifo"
for name in 1 2; do
	btrfs subvolume snapshot -r "$encrypted/subvolume" "$encrypted/snapshot-$name" >/dev/null
done

# Two policies: there is no key for one of both, later
make_key other
other=$(add_key other)
new_subvolume two
fill
mkdir "$subvolume/other"
set_policy "$subvolume/other" "$other" -v 2
echo secret >"$subvolume/other/file"
snapshot keys
second=$(stat -c %i "$subvolume/other")

echo "--- with the key"
named=$encrypted/snapshot
each_case expect_sent

expect_sent "two policies" "$SCRATCH_MNT/two-keys"

echo "--- with one of two keys"
remove_key "$other"
expect_refused "two policies" "$SCRATCH_MNT/two-keys"
expect_message "root $(btrfs inspect-internal rootid "$SCRATCH_MNT/two-keys") inode $second is enc"

echo "--- nested subvolumes"
# They aren't in a snapshot, where there are empty directories in their places.
new_subvolume nested
fill
snapshot without
btrfs subvolume create "$private/subvolume" "$private/dir/subvolume"
echo secret >"$private/subvolume/file"
snapshot with
btrfs send -q -p "$subvolume-without" -f stream "$subvolume-with"
btrfs send -q "$subvolume-without" | btrfs receive -q "$received"
btrfs receive -q -f stream "$received"
tree-state.py "$subvolume-without" >expected
if tree-state.py "$received/nested-with" | diff expected - | grep '^[<>]' |
	grep -v "^. b'./private\(/dir\)\?'"; then
	failed+=("nested subvolumes: received otherwise")
fi

echo "--- what needs none"
new_subvolume unchanged
fill
snapshot before
echo more >>"$public/file"
mv "$public/fifo5" "$public/moved"
snapshot after
btrfs subvolume create "$plain/subvolume"
echo public >"$plain/subvolume/file"
btrfs subvolume snapshot -r "$plain/subvolume" "$plain/snapshot"

echo "--- without the key"
remove_key "$main"
mapfile -t names < <(ls -d "$encrypted"/*)
for name in "${names[@]}"; do
	! btrfs property get "$name" ro | grep -q true || snapshots+=("$name")
done
named=$PWD/named
ln -s "${snapshots[0]}" "$named-1"
ln -s "${snapshots[1]}" "$named-2"
each_case expect_refused
expect_refused_without_data() {
	expect_refused "$1, --no-data" --no-data "${@:2}"
}
each_incremental expect_refused_without_data
subvolume=$SCRATCH_MNT/unchanged
btrfs send -q -f stream -p "$subvolume-before" "$subvolume-after"
grep -q more stream
btrfs send -q -f stream "$plain/snapshot"
grep -q public stream

printf '%s\n' "${failed[@]}"
[ ${#failed[@]} = 0 ] || fail "${#failed[@]} cases went wrong"
