#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The oracle reads compressed extents: what is encrypted is the compressed data.
# variant: oracle-compression-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. file-tree.sh

mount_options=noatime,compress-force=zlib
start_encrypted
for algorithm in zlib lzo zstd; do
	mount -o "remount,compress-force=$algorithm" "$SCRATCH_MNT"
	make_tree "$encrypted/$algorithm" 1
	make_tree "$plain/$algorithm" 1
	sync
done
same_in_both
verify_offline
at_least 4 "encrypted extents, compression Zlib"
at_least 4 "encrypted extents, compression Lzo"
at_least 4 "encrypted extents, compression Zstd"
