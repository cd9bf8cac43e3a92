# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Bad copies of data on a filesystem that has two of each extent, one on each
# disk.  Sourced instead of encryption.sh.
. "${0%/*}/encryption.sh"

# Where the first block of each spoilt extent is: disk and block, twice
spoilt=()

# extents FILE: the logical addresses of its extents
extents() {
	btrfs inspect-internal dump-tree -t fs "${devices[0]}" |
		awk -v inode="($(stat -c %i "$1")" '
			/^\titem/ { mine = $4 == inode && $5 == "EXTENT_DATA" }
			mine && /extent data disk byte/ && $5 { print $5 }'
}

# copies LOGICAL: a line as in spoilt
copies() {
	btrfs-map-logical -l "$1" -b 4096 "${devices[0]}" |
		awk '/^mirror/ { printf "%s %d ", $8, $6 / 4096 }'
}

# spoil_copies FILE...: overwrite the first block of each extent, on one disk and
# on the other by turns.  Whichever disk is read, something there is bad.
spoil_copies() {
	local file logical line place turn=0
	sync
	for file in "$@"; do
		for logical in $(extents "$file"); do
			spoilt+=("$(copies "$logical")")
		done
	done
	umount "$SCRATCH_MNT"
	for line in "${spoilt[@]}"; do
		read -ra place <<<"$line"
		dd if=/dev/urandom of="${place[turn]}" bs=4k seek="${place[turn + 1]}" count=1 \
			oflag=direct status=none
		turn=$((2 - turn))
	done
	echo "${#spoilt[@]} extents have one bad copy each"
	[ ${#spoilt[@]} -ge 4 ] || fail "that is too few"
	mount_btrfs
}

# bad_copies: how many of the spoilt extents have two copies that differ
bad_copies() {
	local line place count=0
	for line in "${spoilt[@]}"; do
		read -ra place <<<"$line"
		cmp -s <(read_block "${place[@]:0:2}") <(read_block "${place[@]:2}") ||
			count=$((count + 1))
	done
	echo $count
}

# read_block DISK BLOCK
read_block() {
	dd if="$1" bs=4k skip="$2" count=1 iflag=direct status=none
}
