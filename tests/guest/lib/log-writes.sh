# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Power cuts: all that a disk gets is in a log of dm-log-writes, on another disk.  Sourced
# after encryption.sh.
#
# shellcheck disable=SC2034 # tests use the variables

# start_log: make /dev/mapper/logged, which is the start of $SCRATCH_DEV, and the devices
start_log() {
	dmsetup create logged --table "0 $((300 << 11)) log-writes $SCRATCH_DEV $TEST_DEV"
	devices=(/dev/mapper/logged)
}

# end_log: unmount it; the device is $SCRATCH_DEV now, and $flushes is how many there were
end_log() {
	umount "$SCRATCH_MNT"
	dmsetup remove logged
	devices=("$SCRATCH_DEV")
	flushes=$(offline python3 tests/guest/lib/log-writes.py "$TEST_DEV")
}

# cut_after FLUSH: make $SCRATCH_DEV what it was then, and the file marks of the marks that
# were made by then
cut_after() {
	offline python3 tests/guest/lib/log-writes.py "$TEST_DEV" "$SCRATCH_DEV" "$1" >marks
}
