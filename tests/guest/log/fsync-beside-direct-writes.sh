#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What is written directly while somebody else calls fsync, and is synced after that, is there
# after a power cut, with its checksums and tags.  The first fsync may log it before a worker has
# encrypted it, and then it isn't logged again.
# vm: uml
# variant: fsync-beside-direct-writes-authenticated POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

case $STAGE in
1)
	start_encrypted
	in_both fallocate -l 6M preallocated
	in_both truncate -s 6M sparse
	sync
	for name in preallocated sparse; do
		in_both direct-beside-fsync.py write $name
	done
	power_cut
	;;
2)
	mount_btrfs
	make_key main
	add_key main
	for name in preallocated sparse; do
		in_both direct-beside-fsync.py check $name
	done
	verify_offline
	;;
esac
