#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An extent that is encrypted in a way that is not known.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
for type in 02 80 ff; do
	spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_ENCRYPTION_AT:$type
	expect_bad_leaf "ino=$encrypted_inode .*encryption"
	expect_check_complaint 'invalid encryption for file extent'
done
