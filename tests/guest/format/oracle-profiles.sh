#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The oracle reads every copy of the data on SINGLE, DUP, RAID0 and RAID1: each
# is the ciphertext that the checksums are of.
# variant: oracle-profiles-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. file-tree.sh

read -r second _ <<<"$SCRATCH_DEV_POOL"
for profile in single dup raid0 raid1; do
	echo "--- $profile"
	case $profile in
	raid*) devices=("$SCRATCH_DEV" "$second") ;;
	esac
	start_encrypted -d "$profile"
	make_tree "$encrypted/tree" 1
	# More than a stripe on each device, from one bio.
	xfs_io -f -d -c 'pwrite -q -S 0x77 -b 1m 0 4m' "$encrypted/large"
	verify_offline
	at_least 10 "encrypted extents"
	at_least 1000 "data checksums"
done
