#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nodes of all sizes hold encrypted items, which are larger than plain ones.
. harness.sh
. encryption.sh
. file-tree.sh

for nodesize in 4k 64k; do
	start_encrypted -n "$nodesize"
	make_tree "$encrypted/tree" 1
	# Many items, so that leaves are split.
	xfs_io -f -c 'pwrite -q 0 4m' "$encrypted/holes"
	for ((i = 0; i < 512; i += 2)); do
		echo "fpunch $((i * 4))k 4k"
	done | xfs_io "$encrypted/holes"
	verify_offline
	at_least 250 "encrypted extent items"
done
