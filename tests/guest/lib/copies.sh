# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Bad copies of data on a filesystem that has two of each block, on two disks.
# Sourced instead of encryption.sh.
. encryption.sh

# Where the blocks with a bad copy are: disk and block, twice
spoilt=()

# extents FILE: a line for each extent: its logical address and length
extents() {
	btrfs inspect-internal dump-tree -t fs "${devices[0]}" |
		awk -v inode="($(stat -c %i "$1")" '
			/^\titem/ { mine = $4 == inode && $5 == "EXTENT_DATA" }
			mine && /extent data disk byte/ && $5 { print $5, $7 }'
}

# ends LOGICAL LENGTH: two lines as in spoilt, for an extent's first and last block
ends() {
	btrfs-map-logical -l "$1" -b "$2" "${devices[0]}" |
		awk -v last=$(($1 + $2 - 4096)) '
			# A line for each stripe of each mirror
			/^mirror/ {
				if (!($2 in tail))
					head = head $8 " " $6 / 4096 " "
				tail[$2] = $8 " " ($6 + last - $4) / 4096 " "
			}
			END { print head; print tail[1] tail[2] }'
}

# spoil_copies FILE...: overwrite the ends of each extent, on one disk and on the
# other by turns.  Whichever disk is read, something there is bad.
spoil_copies() {
	local file logical length line place turn=0
	sync
	for file in "$@"; do
		while read -r logical length; do
			mapfile -t -O ${#spoilt[@]} spoilt < <(ends "$logical" "$length")
		done < <(extents "$file")
	done
	umount "$SCRATCH_MNT"
	for line in "${spoilt[@]}"; do
		read -ra place <<<"$line"
		dd if=/dev/urandom of="${place[turn]}" bs=4k seek="${place[turn + 1]}" count=1 \
			oflag=direct status=none
		turn=$((2 - turn))
	done
	echo "${#spoilt[@]} blocks have one bad copy each"
	[ ${#spoilt[@]} -ge 8 ] || fail "that is too few"
	mount_btrfs
}

# bad_copies: how many of these blocks have two copies that differ
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
