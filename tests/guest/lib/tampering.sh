# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Files whose contents are authenticated, and somebody who changes the disk and makes all
# checksums right.  Sourced instead of encryption.sh.
#
# shellcheck disable=SC2034 # what is set here is for the tests
. encryption.sh
. items.sh

POLICY_FLAGS=0x82

# dump TREE: the items of a tree
dump() {
	btrfs inspect-internal dump-tree -t "$1" "${devices[0]}"
}

# address_of INODE [OFFSET]: the logical address of the extent at that offset of a file
address_of() {
	dump fs | awk -v key="($1 EXTENT_DATA ${2:-0})" '
		/^\titem/ { mine = $4 " " $5 " " $6 == key }
		mine && /extent data disk byte/ { print $5 }'
}

# tag_item LOGICAL: the start of the item that has the tag of that block, and where it is there
tag_item() {
	dump csum | awk -v at="$1" '
		/^\titem/ && $5 == "EXTENT_TAG" {
			start = $6 + 0
			sub(/.*itemsize /, "")
			if (start <= at && at < start + $0 / 16 * 4096)
				print start, (at - start) / 4096 * 16
		}'
}

# item INODE TYPE OFFSET ACTION...: in the tree $tree
tree=5
item() {
	offline corrupt-item --item "$tree:$1:$2:$3" "${@:4}" "${devices[@]}"
}

# body INODE [OFFSET]: of the item of an extent
body() {
	item "$1" $EXTENT_DATA "${2:-0}" --show | tail -n 1
}

# block LOGICAL ACTION...
block() {
	offline corrupt-item --data "$1" "${@:2}" "${devices[@]}"
}

# tag LOGICAL [HEX]: set the tag of a block, or print it
tag() {
	local start at
	read -r start at < <(tag_item "$1") || fail "block $1 has no tag"
	if [ $# = 2 ]; then
		offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --set "$at:$2" "${devices[@]}"
	else
		offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --show "${devices[@]}" |
			cut -c $((2 * at + 1))-$((2 * at + 32))
	fi
}

# other HEX: as many other bytes
other() {
	tr 0-9a-f 1-9a-f0 <<<"$1"
}

# all_ways_fail FILE OFFSET LENGTH ERROR WHAT: fail unless each way to read gets the error, or
# EIO where the page cache is between; WHAT is for the message
all_ways_fail() {
	local way result
	ways-to-read.py "${@:1:3}" >ways
	while read -r way result; do
		case $way in
		mapped) [ "$result" = SIGBUS ] ;;
		*) [ "$result" = "$4" ] || [ "$result" = EIO ] ;;
		esac || fail "$5: reading ${1##*/}, $way: $result"
	done <ways
	echo "$5: $(wc -l <ways) ways to read ${1##*/} fail"
}

# all_ways_work FILE OFFSET LENGTH: fail unless all get the same
all_ways_work() {
	ways-to-read.py "$@" >ways
	[ "$(cut -d ' ' -f 2 ways | sort -u | wc -l)" = 1 ] || fail "they don't get the same: $(<ways)"
	grep -q ' [0-9a-f]\{64\}$' ways || fail "${1##*/} can't be read: $(<ways)"
}
