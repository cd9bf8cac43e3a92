#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What tools show of an encrypted directory, and what they can do there, with and
# without the key, is the same on btrfs as on ext4.
. harness.sh
. encryption.sh
. beside-ext4.sh

# attributes FILE...: what statx says of encryption
attributes() {
	local file name value
	for file; do
		xfs_io -r -c 'statx -r -m all' "$file" | while read -r name _ value; do
			case $name in stat.attributes | stat.attributes_mask)
				echo "$file: $name $((value >> 11 & 1))" ;;
			esac
		done
	done
}

# shows_encryption FILE...: what lsattr says of it
shows_encryption() {
	lsattr -d "$@" | while read -r flags file; do
		[[ $flags != *E* ]] || echo "$file: E"
	done
}

with_key() {
	mkdir "$encrypted/dir" "$encrypted/empty"
	printf 'y%.0s' {1..100000} >"$encrypted/file"
	setfattr -n user.name -v value "$encrypted/file"
	ln -s target "$encrypted/link"
	sync
	try ls "$encrypted"
	try shows_encryption "$encrypted" "$encrypted"/{dir,file} "$plain"
	try lsattr -d "$encrypted/link"
	try attributes "$encrypted" "$encrypted"/{dir,file} "$plain"
	try stat -c '%F, %s bytes' "$encrypted"/{file,link}
	try readlink "$encrypted/link"
	try getfattr -d -m - --absolute-names "$encrypted"/{dir,file}
	try mv "$encrypted/file" "$plain/moved"
	try attributes "$plain/moved"
	try cmp -n 4 "$plain/moved" /dev/zero
	try mv "$plain/moved" "$encrypted/file"
	touch "$plain/other"
	try ln "$plain/other" "$encrypted/other"
	rm "$plain/other"
	try xfs_io -c 'fcollapse 0 4k' "$encrypted/file"
	try xfs_io -c 'finsert 0 4k' "$encrypted/file"
	try xfs_io -c 'fpunch 4k 8k' "$encrypted/file"
	try sha256sum "$encrypted/file"
	try direct_dd if="$encrypted/file" bs=4k count=9 of=direct
	try sha256sum direct
	try chattr +A "$encrypted/file"
	try xfs_io -r -c 'chattr +A' "$encrypted/file"
	try chattr -A "$encrypted/file"
	try shows_encryption "$encrypted/file"
	echo contents >"$encrypted/small"
	# ext4 refuses that while it is being written.
	sync "$encrypted/small"
	# What isn't named here is cleared, but for E.
	try chattr =A "$encrypted/small"
	try shows_encryption "$encrypted/small"
	try cat "$encrypted/small"
	rm "$encrypted/small"
	try chattr +i "$encrypted/file"
	try rm "$encrypted/file"
	try chattr -i "$encrypted/file"
	head -c 1M /dev/zero >"$encrypted/swapfile"
	chmod 600 "$encrypted/swapfile"
	try mkswap -q "$encrypted/swapfile"
	try swapon "$encrypted/swapfile"
	rm "$encrypted/swapfile"
}

without_key() {
	local file link dir
	file=$(find "$encrypted" -type f)
	link=$(find "$encrypted" -type l)
	dir=$(find "$encrypted" -mindepth 1 -type d | head -n 1)
	try ls "$encrypted"
	try shows_encryption "$encrypted" "$dir"
	try lsattr -d "$file"
	try lsattr -d "$link"
	try attributes "$encrypted" "$dir"
	try attributes "$file"
	try python3 -c 'import os, sys
for path in sys.argv[1:]:
    print(os.stat(path, follow_symlinks=False).st_size)' "$file" "$link"
	try readlink "$link"
	try cat "$link"
	try filefrag -v "$file"
	try getfattr -d -m - --absolute-names "$dir" "$file"
	try cat "$file"
	try truncate -s 5 "$file"
	try touch "$encrypted/new"
	try touch "$file"
	try mkdir "$encrypted/new"
	try ln -s target "$encrypted/new"
	try mknod "$encrypted/new" p
	try mv "$file" "$encrypted/new"
	try mv "$file" "$dir"
	try mv "$file" "$plain/new"
	try ln "$file" "$plain/new"
	try ln "$file" "$encrypted/new"
	try mv "$plain" "$encrypted/new"
	try exchange.py "$file" "$link"
	try chattr +A "$dir"
	try chmod 640 "$file"
	try setfattr -n user.other -v value "$file"
	try stat -c '%F, %a' "$file"
	try swapon "$file"
	try rmdir "$dir"
	try rm "$link" "$file"
	try ls "$encrypted"
}

show() {
	with_key
	remove_key "$main"
	without_key
}

same_on_ext4 show

# Here it is as on f2fs: ext4 doesn't tell fiemap of encryption.
add_key main
echo contents >"$encrypted/file"
sync
filefrag -v "$encrypted/file" | tee extents
grep -q '^ *0:.*encoded,encrypted' extents || fail "fiemap doesn't show encryption"
