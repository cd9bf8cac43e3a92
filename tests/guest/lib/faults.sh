# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Disks that fail, and copies of data that went bad.  Sourced after harness.sh.

# faulty_disk NAME DISK: make /dev/mapper/NAME, which works for now
faulty_disk() {
	dmsetup create "$1" --table "0 $(blockdev --getsz "$2") linear $2 0"
}

# reload_disk NAME TABLE: change what a mapping does.  The filesystem on it is not
# frozen, as thawing it reads from the disk.
reload_disk() {
	dmsetup suspend --nolockfs "$1"
	dmsetup load "$1" --table "$2"
	dmsetup resume "$1"
}

# fail_reads NAME DISK DELAY: let each read of /dev/mapper/NAME fail, after so
# many milliseconds.  Writes still reach the disk.
fail_reads() {
	local sectors
	sectors=$(blockdev --getsz "$2")
	dmsetup create "$1-error" --table "0 $sectors error"
	reload_disk "$1" "0 $sectors delay /dev/mapper/$1-error 0 $3 $2 0 0"
}

# The processes that a disk keeps waiting
stuck=()

# stuck COMMAND...: start it in the background, as $!; it waits for a disk
stuck() {
	"$@" &
	stuck+=($!)
	until grep -q '^State:.D' /proc/$!/status; do
		sleep 0.1
	done
	echo "stuck: $*"
}

# wait_for_stuck: wait until they have ended; each must succeed
wait_for_stuck() {
	local pid
	for pid in "${stuck[@]}"; do
		wait "$pid"
	done
	stuck=()
}

# verify_without_faults NAME DISK: verify_offline for the mounted filesystem on
# /dev/mapper/NAME, which was made of DISK
verify_without_faults() {
	umount "$SCRATCH_MNT"
	# shellcheck disable=SC2034 # encryption.sh uses it
	devices=("$2")
	dmsetup remove "$1"
	mount_btrfs
	add_key main
	verify_offline
}
