# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What is put into the kernel tree, and where.  Sourced.

# The directories of patches in their order: faults of btrfs as it is come first.
patch_directories=(btrfs_glue/fixes crypto/patches fscrypt/patches btrfs_glue/patches)

# The patches in their order.
series_patches() {
	local dir
	for dir in "${patch_directories[@]}"; do
		grep -v '^\s*\(#\|$\)' "$dir/series" | sed "s|^|$dir/|"
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
