#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, nothing is on a disk in the clear with any profile:
# blk-crypto encrypts on SINGLE and RAID0 only.  Bad copies are repaired with
# ciphertext.
# timeout: 400
. harness.sh
. encryption.sh
. inline-disks.sh

read -ra pool <<<"$SCRATCH_DEV_POOL"
mount_options=noatime,nodatasum,inlinecrypt
for profile in single dup raid0 raid1 raid10 raid5 raid6; do
	echo "--- $profile"
	case $profile in
	single | dup) devices=("$SCRATCH_DEV") ;;
	*) devices=("${pool[@]:0:4}") ;;
	esac
	before=$(encrypted_by fallback)
	start_encrypted -d $profile
	markers 4096 >"$encrypted/buffered"
	markers 4096 | dd of="$encrypted/direct" bs=1M iflag=fullblock oflag=direct status=none
	# Less than a stripe, so that parity is updated.
	markers 4 | dd of="$encrypted/buffered" bs=4k iflag=fullblock conv=notrunc,fsync status=none
	sync
	case $profile in
	single | raid0) [ "$(encrypted_by fallback)" -gt "$before" ] || fail "blk-crypto did nothing" ;;
	*) [ "$(encrypted_by fallback)" = "$before" ] || fail "blk-crypto was used" ;;
	esac
	drop_caches
	markers 4096 | cmp - "$encrypted/buffered"
	markers 4096 | cmp - "$encrypted/direct"
	btrfs scrub start -B "$SCRATCH_MNT" >/dev/null
	sync
	expect_not_on_disks $marker
	case $profile in
	# The oracle doesn't read these.
	raid10 | raid5 | raid6) umount "$SCRATCH_MNT" ;;
	*) verify_offline ;;
	esac
done
