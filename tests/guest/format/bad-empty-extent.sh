#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An extent that is on the disk but has no bytes there.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
for inode in "$plain_inode" "$encrypted_inode"; do
	bytes=$(show "$inode" $EXTENT_DATA)
	spoil "$inode" $EXTENT_DATA --set $EXTENT_DISK_NUM_BYTES_AT:0000000000000000
	expect_bad_leaf "extent without bytes"
	expect_check_complaint 'errors found in extent allocation tree'
	spoil "$inode" $EXTENT_DATA --set "0:$bytes"
done
