#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, with compression.
# timeout: 240
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

mount_options=noatime,compress-force=zstd
start_encrypted
for seed in 1 2; do
	python3 "${0%/*}/twin-io.py" "$seed" 400 "$encrypted" "$plain"
done
remount
same_trees "$encrypted" "$plain" "after a remount"
verify_offline
