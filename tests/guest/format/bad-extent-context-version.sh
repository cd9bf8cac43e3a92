#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An extent context of a version or of a key epoch that is not known.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
for version in 00 02 11 f1; do
	spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_CONTEXT_VERSION_AT:$version
	expect_bad_leaf "ino=$encrypted_inode .*version"
	expect_check_complaint 'invalid extent context version'
done
