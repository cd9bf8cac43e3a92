#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The oracle, which has the raw device and the key only, reads what was written
# in every contents mode.
. harness.sh
. encryption.sh
. file-tree.sh

start_encrypted
number=0
for policy in "${modes[@]}" "$hctr2"; do
	mkdir "$SCRATCH_MNT/$policy"
	set_policy "$SCRATCH_MNT/$policy" "$main" -v 2 "$policy"
	make_tree "$SCRATCH_MNT/$policy/tree" $((++number))
done
verify_offline
at_least 20 "encrypted extents, mode Aes256Xts"
at_least 10 "encrypted extents, mode Aes128CbcEssiv"
at_least 10 "encrypted extents, mode Sm4Xts"
at_least 10 "encrypted extents, mode Adiantum"
