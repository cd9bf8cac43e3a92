#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What an authenticated file refers to is changed on the disk: another extent, another part of
# it, or the same one as something else.  No way to read gets anything, nor does a clone make it
# good.  Before and after that, all ways do.
# dmesg: BTRFS error .*(authentication failed|must not be mixed|invalid encryption context)
# vm: uml
. harness.sh
. tampering.sh

start_encrypted
for name in file other; do
	head -c 64k /dev/urandom >$name
	head -c 32k $name >"$encrypted/$name"
	sync
	tail -c 32k $name >>"$encrypted/$name"
	sync
done
touch "$encrypted/compressed"
chattr +c "$encrypted/compressed"
seq 20000 >"$encrypted/compressed"
# A part of an extent
cp --reflink=always "$encrypted/file" "$encrypted/part"
fallocate -p -o 12k -l 52k "$encrypted/part"
truncate -s 12k "$encrypted/part"
xfs_io -f -c "reflink $encrypted/file 8k 0 8k" "$encrypted/piece"
sync
file=$(stat -c %i "$encrypted/file")
other=$(stat -c %i "$encrypted/other")
compressed=$(stat -c %i "$encrypted/compressed")
part=$(stat -c %i "$encrypted/part")
piece=$(stat -c %i "$encrypted/piece")
directory=$(stat -c %i "$encrypted")
sums=$(sha256sum "$encrypted"/*)
umount "$SCRATCH_MNT"

expect_good() {
	mount_with_key
	echo "$sums" | sha256sum --check --quiet
	all_ways_work "$encrypted/file" 4096 4096
	umount "$SCRATCH_MNT"
}

# tamper NAME INODE OFFSET ERROR WHAT ACTION...: change the item of an extent, and see that the
# file can't be read there but all others can
tamper() {
	local name=$1 inode=$2 offset=$3 action before
	before=$(body "$inode" "$offset")
	for action in "${@:6}"; do
		# shellcheck disable=SC2086 # an option and its value
		item "$inode" $EXTENT_DATA "$offset" $action
	done
	mount_with_key
	all_ways_fail "$encrypted/$name" "$offset" 4096 "$4" "$5"
	echo "$sums" | grep -v "/$name\$" | sha256sum --check --quiet
	umount "$SCRATCH_MNT"
	item "$inode" $EXTENT_DATA "$offset" --resize 98
	item "$inode" $EXTENT_DATA "$offset" --set "0:$before"
}

expect_good
first=$(body "$file")
second=$(body "$file" 32768)
foreign=$(body "$other")

# part BODY AT LENGTH: so many bytes of a body
part() {
	echo "${1:2 * $2:2 * $3}"
}

tamper file "$file" 0 EBADMSG 'another nonce' \
	"--set $EXTENT_NONCE_AT:$(part "$foreign" $EXTENT_NONCE_AT 16)"
tamper file "$file" 0 EBADMSG 'another tag of the place' \
	"--set $EXTENT_PLACE_AT:$(other "$(part "$first" $EXTENT_PLACE_AT 16)")"
tamper file "$file" 0 EBADMSG 'the extent of another file' "--set 0:$foreign"
tamper file "$file" 0 EBADMSG 'the other extent of the file' "--set 0:$second"
tamper file "$file" 32768 EBADMSG 'the first extent in the place of the second' "--set 0:$first"
tamper file "$file" 0 EBADMSG 'a compressed extent' "--set $EXTENT_COMPRESSION_AT:03"
tamper compressed "$compressed" 0 EBADMSG 'another size of what is compressed' \
	"--set $EXTENT_RAM_BYTES_AT:00000200"
tamper piece "$piece" 0 EBADMSG 'a wider window' "--set $EXTENT_WINDOW_END_AT:08000000"
tamper piece "$piece" 0 EBADMSG 'more than the window' "--set $EXTENT_NUM_BYTES_AT:0030000000000000"
tamper file "$file" 0 EUCLEAN 'an extent that is not authenticated' \
	"--set $EXTENT_CONTEXT_SIZE_AT:1100000001" '--resize 74'
tamper file "$file" 0 EUCLEAN 'a plain extent' "--set $EXTENT_ENCRYPTION_AT:00" '--resize 53'

# in_all_policies AT HEX: set a byte of the contexts of the directory and all of its files
in_all_policies() {
	local inode
	for inode in $directory $file $other $compressed $part $piece; do
		item "$inode" $FSCRYPT_INODE_CTX 0 --set "$1:$2"
	done
}

# tamper_policies AT OLD NEW ERROR WHAT
tamper_policies() {
	in_all_policies "$1" "$3"
	mount_with_key
	all_ways_fail "$encrypted/file" 4096 4096 "$4" "$5"
	all_ways_fail "$encrypted/compressed" 4096 4096 "$4" "$5"
	umount "$SCRATCH_MNT"
	in_all_policies "$1" "$2"
}
tamper_policies $CONTEXT_FLAGS_AT 82 02 EUCLEAN 'policies that say nothing of authentication'
tamper_policies $CONTEXT_DATA_UNIT_AT 00 09 EBADMSG 'another data unit size'
expect_good

# What can't be read can be cut off and deleted, but not be written to.
for name in file other; do
	item "${!name}" $EXTENT_DATA 32768 --set "$EXTENT_PLACE_AT:00000000"
done
mount_with_key
expect_error 'Bad message' cat "$encrypted/file"
expect_error 'Bad message' dd if="$encrypted/piece" of="$encrypted/file" bs=4k seek=8 conv=notrunc
truncate -s 32k "$encrypted/file"
head -c 32k file >beginning
cmp "$encrypted/file" beginning
rm "$encrypted/other"
umount "$SCRATCH_MNT"
expect_good_metadata
