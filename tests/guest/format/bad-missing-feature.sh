#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Encrypted extents and contexts on a filesystem that is not said to have encryption.
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# vm: uml
. harness.sh
. bad-image.sh

start_image
offline corrupt-item --clear-incompat $INCOMPAT_EXTENT_FSCRYPT "$SCRATCH_DEV"
mount_btrfs
expect_unreadable ls "$encrypted"
expect_message "encryption flag set without the EXTENT_FSCRYPT incompat feature"
expect_rest_readable
expect_check_complaint 'encrypted file extent without EXTENT_FSCRYPT'
