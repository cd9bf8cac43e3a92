#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Data, tags and both of an authenticated file are changed on the disk, with checksums made
# right: no way to read gets any of it, and all else can be read.  Before and after that, and
# with what was changed put back, all ways get the data.
# dmesg: BTRFS (error|warning|info) .*(authentication failed|errs: .* corrupt)
# vm: uml
. harness.sh
. tampering.sh

# A block in the middle of each file
AT=$((5 * 4096))

start_encrypted --data single --metadata single
head -c 64k /dev/urandom | tee file >"$encrypted/file"
head -c 64k /dev/urandom >"$encrypted/other"
touch "$encrypted/compressed"
chattr +c "$encrypted/compressed"
seq 20000 >"$encrypted/compressed"
sync
file=$(stat -c %i "$encrypted/file")
compressed=$(stat -c %i "$encrypted/compressed")
sums=$(sha256sum "$encrypted"/*)
umount "$SCRATCH_MNT"
here=$(($(address_of "$file") + AT))
there=$(($(address_of "$file") + AT + 8192))
squeezed=$(address_of "$compressed")
[ "$squeezed" ] || fail "there is no compressed file"

# expect_good: all files in all ways
expect_good() {
	mount_with_key
	echo "$sums" | sha256sum --check --quiet
	for name in file compressed; do
		all_ways_work "$encrypted/$name" $AT 4096
	done
	umount "$SCRATCH_MNT"
}

# expect_bad NAME WHAT: that file, in all ways, at the block that was changed
expect_bad() {
	local name=$1
	mount_with_key
	all_ways_fail "$encrypted/$name" $AT 4096 EIO "$2"
	# All else of it, and of the filesystem
	if [ "$name" = file ]; then
		cmp -n $AT "$encrypted/file" file
		cmp -i $((AT + 3 * 4096)) "$encrypted/file" file
	fi
	echo "$sums" | grep -v "/$name\$" | sha256sum --check --quiet
	umount "$SCRATCH_MNT"
	expect_good_metadata
}

expect_good

old=$(block "$here" --show | tail -n 1 | cut -c 201-208)
block "$here" --set "100:$(other "$old")"
expect_bad file 'a block changed'
block "$here" --set "100:$old"
expect_good

old=$(tag "$here")
tag "$here" "$(other "$old")"
expect_bad file 'a tag changed'
tag "$here" 00000000000000000000000000000000
expect_bad file 'a tag cleared'
tag "$here" "$(tag "$there")"
expect_bad file 'the tag of another block'
tag "$here" "$old"
expect_good

# With what goes with it, another block of the same extent is as good as any in its place.
a=$(block "$here" --show | tail -n 1)
b=$(block "$there" --show | tail -n 1)
a_tag=$(tag "$here")
b_tag=$(tag "$there")
block "$here" --set "0:$b"
tag "$here" "$b_tag"
block "$there" --set "0:$a"
tag "$there" "$a_tag"
expect_bad file 'two blocks exchanged, with their tags'
block "$here" --set "0:$a"
tag "$here" "$a_tag"
block "$there" --set "0:$b"
tag "$there" "$b_tag"
expect_good

old=$(block "$squeezed" --show | tail -n 1 | cut -c 201-208)
block "$squeezed" --set "100:$(other "$old")"
expect_bad compressed 'compressed data changed'
block "$squeezed" --set "100:$old"
old=$(tag "$squeezed")
tag "$squeezed" "$(other "$old")"
expect_bad compressed 'a tag of compressed data changed'
tag "$squeezed" "$old"
expect_good

# Whatever is said of checksums
read -r start at < <(tag_item "$here")
body=$(offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --show "$SCRATCH_DEV" | tail -n 1)
offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --delete "$SCRATCH_DEV"
mount_with_key
all_ways_fail "$encrypted/file" $AT 4096 EIO 'no tags'
umount "$SCRATCH_MNT"
btrfs check "$SCRATCH_DEV" >complaints 2>&1 && fail "btrfs check doesn't miss the tags"
grep "tags missing" complaints

mount -o ro,rescue=ignoredatacsums "$SCRATCH_DEV" "$SCRATCH_MNT"
add_key main >/dev/null
echo "$sums" | sha256sum --check --quiet || fail "with rescue=ignoredatacsums, it can't be read"
umount "$SCRATCH_MNT"
offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --insert "$body" "$SCRATCH_DEV"
expect_good

# Without checksums
mount_options+=,nodatasum
mount_with_key
cp file "$encrypted/unsummed"
sync
unsummed=$(address_of "$(stat -c %i "$encrypted/unsummed")")
umount "$SCRATCH_MNT"
old=$(block "$unsummed" --no-sum --show | tail -n 1 | cut -c 201-208)
block "$unsummed" --no-sum --set "100:$(other "$old")"
mount_with_key
all_ways_fail "$encrypted/unsummed" 0 4096 EIO 'a block without a checksum changed'
umount "$SCRATCH_MNT"
block "$unsummed" --no-sum --set "100:$old"
mount_with_key
cmp file "$encrypted/unsummed"
umount "$SCRATCH_MNT"
