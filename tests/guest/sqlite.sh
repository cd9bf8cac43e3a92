#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The power is cut while SQLite writes databases in encrypted files, with a rollback
# journal, a write-ahead log, mapped, and without copy-on-write: each has all transactions
# that were committed, and is whole.
# long: yes
# vm: uml
# timeout: 1800
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

mount_options=noatime,nodiscard
dmsetup create logged --table "0 $((300 << 11)) log-writes $SCRATCH_DEV $TEST_DEV"
devices=(/dev/mapper/logged)
start_encrypted
mkdir "$encrypted"/{rollback,wal,mapped,nocow}
chattr +C "$encrypted/nocow"
python3 "${0%/*}/sqlite.py" write "$encrypted" 40
umount "$SCRATCH_MNT"
dmsetup remove logged
devices=("$SCRATCH_DEV" "$TEST_DEV")
expect_not_on_disks THE-PLAINTEXT-MARKER

devices=("$SCRATCH_DEV")
flushes=$(offline python3 tests/guest/log-writes.py "$TEST_DEV")
cuts=0
for ((flush = flushes; flush >= 1; flush -= 5)); do
	offline python3 tests/guest/log-writes.py "$TEST_DEV" "$SCRATCH_DEV" "$flush" >marks
	[ -s marks ] || break
	mount_btrfs
	add_key main >/dev/null
	python3 "${0%/*}/sqlite.py" check "$encrypted" marks
	verify_offline >/dev/null
	cuts=$((cuts + 1))
done
[ $cuts -ge 20 ] || fail "only $cuts cuts"
