#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Items of authenticated contents that can't be, each in a leaf that is refused: without the
# feature, with an empty window, and tags that are cut, or are where there are none.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption|EXTENT_FSCRYPT_AUTH without|failed to load root csum|open_ctree failed)
# vm: uml
. harness.sh
. bad-image.sh

POLICY_FLAGS=0x82
INCOMPAT_EXTENT_FSCRYPT_AUTH=57

# expect_bad_sums TEXT: it can't be mounted, as the csum tree begins with a bad leaf
expect_bad_sums() {
	expect_error "can't read superblock" mount_btrfs
	dmesg | tail -n 20 | grep "corrupt leaf: root=7 .*$1" || fail "the kernel does not say: $1"
}

start_image
offline corrupt-item --clear-incompat $INCOMPAT_EXTENT_FSCRYPT_AUTH "$SCRATCH_DEV"
expect_bad_sums 'tags that are empty, in the wrong tree, or without the EXTENT_FSCRYPT_AUTH'
expect_check_complaint 'without EXTENT_FSCRYPT_AUTH'
offline corrupt-item --set-incompat $INCOMPAT_EXTENT_FSCRYPT_AUTH "$SCRATCH_DEV"

offline corrupt-item --clear-incompat $INCOMPAT_EXTENT_FSCRYPT "$SCRATCH_DEV"
expect_error 'wrong fs type' mount_btrfs
expect_message 'EXTENT_FSCRYPT_AUTH without EXTENT_FSCRYPT'
offline corrupt-item --set-incompat $INCOMPAT_EXTENT_FSCRYPT "$SCRATCH_DEV"

spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_WINDOW_END_AT:00000000
expect_bad_leaf 'invalid window'
expect_check_complaint 'invalid window'
spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_WINDOW_END_AT:02000000

# Tags in a tree of files; after them, in the order of keys, there is nothing.
offline corrupt-item --item "$tree:$TAGS:$EXTENT_TAG:0" --insert "$(printf '%032d' 0)" "$SCRATCH_DEV"
expect_bad_leaf 'tags that are empty, in the wrong tree'
offline corrupt-item --item "$tree:$TAGS:$EXTENT_TAG:0" --delete "$SCRATCH_DEV"

# The first item of the csum tree has the tags.
start=$(btrfs inspect-internal dump-tree -t csum "$SCRATCH_DEV" |
	awk '/item 0 key .EXTENT_TAG / { print $6 + 0 }')
offline corrupt-item --item "7:$TAGS:$EXTENT_TAG:$start" --resize 15 "$SCRATCH_DEV"
expect_bad_sums 'unaligned item size for csum item'
expect_check_complaint 'unaligned item size for csum item'
