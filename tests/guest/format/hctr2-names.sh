#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Names and symlink targets of all kinds of lengths in AES-256-HCTR2, with each
# padding.  fstests' test of them, generic/693, can't run on btrfs, as it wants
# IV_INO_LBLK policies too.
. harness.sh
. encryption.sh

lengths=(1 15 16 17 33 100 149 150 255)

# name_all LENGTH: set $file, $directory, $link and $target, of so many bytes
name_all() {
	local blank
	printf -v blank "%$1s" ""
	file=${blank// /f}
	directory=${blank// /d}
	link=${blank// /l}
	target=${blank// /t}
}

count() {
	find "$SCRATCH_MNT"/padding-* -mindepth 1 | wc -l
}

start_encrypted
xfs_io_fails "Invalid argument" -c "set_encpolicy -v 1 $hctr2 1111111111111111" "$plain"
for flag in 0 1 2 3; do
	padding=$((4 << flag))
	parent=$SCRATCH_MNT/padding-$padding
	mkdir "$parent"
	set_policy "$parent" "$main" -v 2 "$hctr2" -f $flag
	inode=$(stat -c %i "$parent")
	for length in "${lengths[@]}"; do
		name_all "$length"
		echo contents >"$parent/$file"
		mkdir "$parent/$directory"
		ln -s "$target" "$parent/$link"
		padded=$(((length + padding - 1) / padding * padding))
		padded=$((padded < 16 ? 16 : padded > 255 ? 255 : padded))
		printf "$inode %s\n" $padded $padded $padded
	done
done | sort >expected
files=$((4 * 3 * ${#lengths[@]}))

remove_key "$main"
[ "$(count)" = "$files" ] || fail "$(count) of $files files are listed without the key"
drop_caches
find "$SCRATCH_MNT"/padding-* -mindepth 1 -exec stat -c %i {} + >numbers
[ "$(sort -u numbers | wc -l)" = "$files" ] || fail "not every file is found by its no-key name"

add_key main
for parent in "$SCRATCH_MNT"/padding-*; do
	for length in "${lengths[@]}"; do
		name_all "$length"
		[ "$(<"$parent/$file")" = contents ] || fail "other contents"
		[ -d "$parent/$directory" ] || fail "no directory"
		[ "$(readlink "$parent/$link")" = "$target" ] || fail "another target"
	done
done
verify_offline

# The directory and the length of each name.  Those that are not encrypted are
# shorter than 16 bytes.
offline btrfs inspect-internal dump-tree -t 5 "$SCRATCH_DEV" |
	awk '$5 == "INODE_REF" { parent = $6 + 0 }
		$1 == "index" && $4 >= 16 { print parent, $4 }' | sort >lengths
diff expected lengths || fail "the names are not padded as the policies say"
