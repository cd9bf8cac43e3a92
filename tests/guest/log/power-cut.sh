#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A power cut loses what was not written and keeps what was.
. harness.sh

case $STAGE in
1)
	mkfs.btrfs -q "$SCRATCH_DEV"
	mount "$SCRATCH_DEV" "$SCRATCH_MNT"
	xfs_io -f -c 'pwrite 0 64k' -c fsync "$SCRATCH_MNT/synced"
	xfs_io -f -c 'pwrite 0 64k' "$SCRATCH_MNT/not-synced"
	power_cut
	;;
2)
	mount "$SCRATCH_DEV" "$SCRATCH_MNT"
	ls -l "$SCRATCH_MNT"
	[ "$(stat -c %s "$SCRATCH_MNT/synced")" = 65536 ] || fail "synced data was lost"
	[ ! -e "$SCRATCH_MNT/not-synced" ] || fail "that was no power cut"
	;;
esac
