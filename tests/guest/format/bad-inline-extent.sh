#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An inline extent that claims to be encrypted.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
spoil "$encrypted_inode" $EXTENT_DATA --set $EXTENT_TYPE_AT:00
expect_bad_leaf "ino=$encrypted_inode .*inline"
expect_check_complaint 'encrypted inline file extent'
