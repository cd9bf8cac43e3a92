# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# What fstests' common/encrypt lacks for btrfs; it is added to the end of that.

_scratch_mkfs_encrypted()
{
	_scratch_mkfs -O extent-fscrypt
}

_scratch_mkfs_sized_encrypted()
{
	MKFS_OPTIONS="$MKFS_OPTIONS -O extent-fscrypt" _scratch_mkfs_sized "$@"
}

_require_get_encryption_nonce_support()
{
	_require_command "$BTRFS_UTIL_PROG" btrfs
}

_require_get_ciphertext_filename_support()
{
	_require_command "$BTRFS_UTIL_PROG" btrfs
}

# DEVICE INODE: print the nonce of the inode's extent, or the inode's own if it
# has none.  fstests asks for that of a file only to verify its contents, which
# it has written at once, so that they are one extent.
_get_encryption_nonce()
{
	$BTRFS_UTIL_PROG inspect-internal dump-tree -t 5 "$1" | awk -v inode="($2" '
		$3 == "key" { ours = $4 == inode; type = $5 }
		ours && /[[:space:]]nonce [0-9a-f]+$/ {
			nonces[type]++
			nonce = $NF
		}
		END {
			if (nonces["EXTENT_DATA"] > 1)
				print "the contents are in several extents"
			else
				print nonce
		}'
}

# DEVICE INODE DIRECTORY: print the name as it is on disk
_get_ciphertext_filename()
{
	local name

	# Without a locale, every byte beyond ASCII is escaped.
	name=$(LC_ALL=C $BTRFS_UTIL_PROG inspect-internal dump-tree -t 5 "$1" |
		awk -v key="($2 INODE_REF $3)" '
			$3 == "key" { ours = $4 " " $5 " " $6 == key }
			ours && sub(/.* name: /, "")')
	# The escapes are those of printf, but for that of the space.
	name=${name//'\ '/ }
	# shellcheck disable=SC2059
	LC_ALL=C printf -- "${name//%/%%}"
}

# DEVICE BLOCKS: print the blocks of 512 bytes with these logical addresses.  One
# device has no profile that stripes, so the first copy of a chunk is all of it.
_dump_ciphertext_blocks()
{
	local block

	$BTRFS_UTIL_PROG inspect-internal dump-tree -t chunk "$1" | awk -v blocks="$2" '
		$5 == "CHUNK_ITEM" { start = $6 + 0 }
		$1 == "length" { end[start] = start + $2 }
		$1 == "stripe" && $2 == 0 { physical[start] = $6 }
		END {
			count = split(blocks, block, ",")
			for (i = 1; i <= count; i++)
				for (start in physical)
					if (block[i] * 512 >= start + 0 && block[i] * 512 < end[start])
						print block[i] + (physical[start] - start) / 512
		}' |
	while read -r block; do
		dd if="$1" bs=512 count=1 skip="$block" status=none
	done
}
