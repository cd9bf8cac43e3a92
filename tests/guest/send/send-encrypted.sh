#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What send has to know of encryption that chance may miss, in full and from a parent, with all
# versions of the protocol; what is received is as it was.  On the debug kernel, too, which has
# a version that progs can't receive.
. harness.sh
. encryption.sh

received=$SCRATCH_MNT/received
source=$encrypted/source
start_encrypted
mkdir "$received"
btrfs subvolume create "$source"

snapshot() {
	btrfs subvolume snapshot -r "$source" "$encrypted/$1" >/dev/null
}

# expect_copied NAME OPTION...: that snapshot is sent and received
expect_copied() {
	local name=$1
	shift
	[ ! -e "$received/$name" ] || btrfs subvolume delete "$received/$name" >/dev/null
	btrfs send -q -f stream "$@" "$encrypted/$name"
	btrfs receive -q -f stream "$received"
	same_states "$encrypted/$name" "$received/$name" "$name is different with ${*:-no option}"
}

# dump: print the commands of the stream
dump() {
	btrfs receive --dump -f stream
}

# as_orphan PATH: print what send calls that inode before it has its name
as_orphan() {
	local generation
	read -r generation _ < <(lsattr -v -d "$1")
	echo "o$(stat -c %i "$1")-$generation-0"
}

echo "--- names that send gives itself, in an encrypted root"
for i in 1 2 3; do
	echo "$i" >"$source/file-$i"
	mkdir "$source/directory-$i"
done
mkfifo "$source/fifo"
ln -s target "$source/link"
for path in "$source"/{file,directory}-*; do
	echo "taken by ${path##*/}" >"$source/$(as_orphan "$path")"
done
snapshot one
expect_copied one
dump | grep 'o[0-9]*-[0-9]*-1 ' || fail "no name was taken"

echo "--- exchanged, overwritten and replaced there"
exchange.py "$source/file-1" "$source/$(as_orphan "$source/file-2")"
mv "$source/directory-1" "$source/directory-2/inner"
exchange.py "$source/directory-2" "$source/directory-3"
rm "$source/file-3"
mkdir "$source/file-3"
snapshot two
for version in 1 2; do
	expect_copied one --proto $version
	expect_copied two --proto $version -p "$encrypted/one"
	expect_copied one --proto $version -p "$encrypted/two"
done
btrfs send -q --proto 2 -f stream -p "$encrypted/one" "$encrypted/two"
btrfs send -q --proto 0 -f newest -p "$encrypted/one" "$encrypted/two"
# A header with the version comes first.
cmp <(tail -c +18 stream) <(tail -c +18 newest) || fail "the newest version is different"

echo "--- only an attribute"
setfattr -n user.name -v value "$source/file-2"
snapshot three
expect_copied three -p "$encrypted/two"
dump | grep '^set_xattr .*file-2' || fail "the attribute was not sent"
[ "$(dump | grep -c '^write')" = 0 ] || fail "data was sent"

echo "--- without data"
head -c 100k /dev/urandom >"$source/data"
snapshot four
btrfs send -q --no-data -f stream -p "$encrypted/three" "$encrypted/four"
dump | grep '^update_extent .*data' || fail "there is no extent"
[ "$(dump | grep -c '^write')" = 0 ] || fail "data was sent"

echo "--- a directory that gets a policy, with a FIFO in the same place before and afterwards"
btrfs subvolume create "$plain/source"
source=$plain/source
public=$source/public
mkdir "$source/directory" "$public"
mkfifo "$source/directory/fifo"
btrfs subvolume snapshot -r "$source" "$plain/before"
mv "$source/directory/fifo" "$public"
set_policy "$source/directory" "$main" -v 2
mv "$public/fifo" "$source/directory"
echo contents >"$source/directory/file"
btrfs subvolume snapshot -r "$source" "$plain/after"
for version in 1 2; do
	btrfs send -q --proto $version "$plain/before" | btrfs receive -q "$received"
	btrfs send -q --proto $version -f stream -p "$plain/before" "$plain/after"
	btrfs receive -q -f stream "$received"
	same_states "$plain/after" "$received/after" "it is different with version $version"
	! dump | grep fileattr || fail "whether a directory is encrypted was sent"
	btrfs subvolume delete "$received/before" "$received/after"
done

echo "--- the note"
btrfs send -f stream -p "$plain/before" "$plain/after" 2>&1 | grep '^NOTE: encrypted'
btrfs send -f stream -p "$plain/after" "$plain/before" 2>&1 | grep '^NOTE: encrypted'
[ -z "$(btrfs send -q -f stream "$plain/after" 2>&1)" ] || fail "it is not quiet"
! btrfs send -f stream "$plain/before" 2>&1 | grep NOTE || fail "plain files are said to be encrypted"

echo "--- received by Debian's"
btrfs property set "$source" ro true
btrfs send -q -f stream "$source"
/usr/bin/btrfs receive -q -f stream "$received"
same_states "$source" "$received/source" "it is different"
verify_offline
