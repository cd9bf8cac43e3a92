# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What is put into the kernel tree, and where.  Sourced.

# kernel_parts: print the parts in their order, each with its directory of patches if it has
# one.  Faults of btrfs as it is come first, and what encryption works without comes last.
kernel_parts() {
	cat <<-END
		fixes btrfs_glue/fixes
		crypto crypto/patches
		fscrypt fscrypt/patches
		engine
		btrfs btrfs_glue/patches
		features features
	END
}

# has_series TREE: whether it has all this, as "make series" writes it
has_series() {
	[ -d "$1/fs/crypto/extent_engine" ]
}

# The patches in their order.
series_patches() {
	local dir
	while read -r _ dir; do
		[ -z "$dir" ] || grep -v '^\s*\(#\|$\)' "$dir/series" | sed "s|^|$dir/|"
	done < <(kernel_parts)
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

# kernel_part PATCH: what it changes in the kernel's own files.  A patch also has what it
# changes in our whole files, which are here as they are after all patches.
kernel_part() {
	awk -v places="$(series_files | cut -d ' ' -f 2)" '
		BEGIN { split(places, list, "\n"); for (i in list) ours[list[i]] }
		/^(diff --git|---) a\// { kept = !(substr($NF, 3) in ours) }
		kept' "$1"
}
