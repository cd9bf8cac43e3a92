#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The oracle, which has the raw device and the key only, reads what was written
# in every contents mode.
. harness.sh
. encryption.sh
. file-tree.sh

start_encrypted
# contents mode, names mode
for modes in 1:4 1:10 5:6 7:8 9:9; do
	mkdir "$SCRATCH_MNT/modes-$modes"
	set_policy "$SCRATCH_MNT/modes-$modes" "$main" -v 2 -c "${modes%:*}" -n "${modes#*:}"
	make_tree "$SCRATCH_MNT/modes-$modes/tree" "${modes%:*}"
done
verify_offline
at_least 20 "encrypted extents, mode Aes256Xts"
at_least 10 "encrypted extents, mode Aes128CbcEssiv"
at_least 10 "encrypted extents, mode Sm4Xts"
at_least 10 "encrypted extents, mode Adiantum"
