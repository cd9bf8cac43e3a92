# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What is put into the kernel tree, and where.  Sourced.

# The patches in their order.
series_patches() {
	local dir
	for dir in crypto fscrypt btrfs_glue; do
		if [ -e "$dir/patches/series" ]; then
			grep -v '^\s*\(#\|$\)' "$dir/patches/series" |
				sed "s|^|$dir/patches/|" || true
		fi
	done
}

# Our whole files, each with its place in the tree.
series_files() {
	local file
	for file in fscrypt/*.c fscrypt/*.h btrfs_glue/*.c btrfs_glue/*.h; do
		[ -e "$file" ] || continue
		case $file in
		fscrypt/*.c) echo "$file fs/crypto/${file##*/}" ;;
		fscrypt/*.h) echo "$file include/linux/${file##*/}" ;;
		btrfs_glue/*) echo "$file fs/btrfs/${file##*/}" ;;
		esac
	done
}
