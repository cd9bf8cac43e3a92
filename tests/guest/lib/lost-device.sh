# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The second of five disks is lost and replaced.  Sourced instead of
# encryption.sh.
. encryption.sh

read -ra devices <<<"$SCRATCH_DEV_POOL"

# survive_loss DATA METADATA: with these profiles
survive_loss() {
	local lost=${devices[1]} marker=PLAINTEXT-ON-A-PARITY-DISK
	start_encrypted --data "$1" --metadata "$2"
	head -c 6M /dev/urandom | tee "$plain/file" >"$encrypted/file"
	mkdir "$SCRATCH_MNT/marked"
	set_policy "$SCRATCH_MNT/marked" "$main" -v 2
	printf "$marker\n%.0s" {1..20000} >"$SCRATCH_MNT/marked/file"
	umount "$SCRATCH_MNT"

	btrfs device scan --forget
	# shellcheck disable=SC2016 # the inner shell expands it
	offline bash -c 'size=$(stat -c %s "$1") && truncate -s 0 "$1" && truncate -s "$size" "$1"' \
		bash "$lost"
	mount_options+=,degraded
	devices=("${devices[0]}" "${devices[@]:2}")
	mount_btrfs
	add_key main
	same_trees "$encrypted" "$plain" "without $lost"
	head -c 3M /dev/urandom | tee "$plain/degraded" >"$encrypted/degraded"
	drop_caches
	same_trees "$encrypted" "$plain" "written and read without $lost"
	remove_key "$main"

	btrfs replace start -B 2 "$SCRATCH_DEV" "$SCRATCH_MNT"
	btrfs replace status -1 "$SCRATCH_MNT"
	devices+=("$SCRATCH_DEV")
	mount_options=${mount_options%,degraded}
	remount
	same_trees "$encrypted" "$plain" "after the replacement"
	btrfs scrub start -Br "$SCRATCH_MNT" | tee scrub
	grep 'no errors found' scrub
	verify_offline
	expect_not_on_disks "$marker"
}
