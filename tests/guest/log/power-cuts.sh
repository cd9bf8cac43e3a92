#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The power could be cut after any flush of many changes: what was synced by then is there
# and right, be it read by the kernel or by the oracle.  No plaintext gets to the disk.
# SEEDS=FIRST-LAST is for these instead of 1-10.
# long: yes
# vm: uml
# timeout: 7200
# variant: power-cuts-authenticated POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. log-writes.sh

SEEDS=${SEEDS:-1-10}
syncs=60
options=(datacow compress=zstd nodatacow 'nodatasum,inlinecrypt' flushoncommit)
files=$encrypted/files

# right_after_cut: mount what is on the disk, first without the key, and check it
right_after_cut() {
	mount_btrfs
	find "$encrypted" -type f -exec cat {} + >unreadable 2>errors || true
	[ ! -s unreadable ] || fail "files can be read without the key"
	! grep -v 'Required key not available' errors || fail "there is another error without the key"
	add_key main >/dev/null
	cuts.py check "$files" journal marks
	verify_offline >/dev/null
}

cuts=0
for seed in $(seq "${SEEDS%-*}" "${SEEDS#*-}"); do
	mount_options=noatime,nodiscard,commit=3600,${options[seed % ${#options[@]}]}
	echo "--- seed $seed: $mount_options"
	start_log
	start_encrypted
	btrfs -q subvolume create "$files"
	cuts.py write "$seed" "$files" journal $syncs
	end_log
	devices+=("$TEST_DEV")
	expect_not_on_disks THE-PLAINTEXT-MARKER
	devices=("$SCRATCH_DEV")
	before=$cuts
	for ((flush = flushes; flush >= 1; flush--)); do
		cut_after "$flush"
		# Early ones come before anything is synced.
		[ -s marks ] || break
		[ "$flush" -lt "$flushes" ] || states=$(wc -l <marks)
		echo "flush $flush of $flushes"
		right_after_cut
		cuts=$((cuts + 1))
	done
	echo "$((cuts - before)) cuts, $states times something was synced"
	[ "$states" -ge 50 ] || fail "something was synced only $states times"
done
echo "$cuts cuts"
[ "$SEEDS" != 1-10 ] || [ $cuts -ge 1000 ] || fail "only $cuts cuts"
