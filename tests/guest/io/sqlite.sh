#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The power is cut while SQLite writes databases in encrypted files, with a rollback
# journal, a write-ahead log, mapped, and without copy-on-write: each has all transactions
# that were committed, and is whole.
# long: yes
# vm: uml
# timeout: 1800
. harness.sh
. encryption.sh
. log-writes.sh

mount_options=noatime,nodiscard
start_log
start_encrypted
mkdir "$encrypted"/{rollback,wal,mapped,nocow}
chattr +C "$encrypted/nocow"
sqlite.py write "$encrypted" 40
end_log
devices+=("$TEST_DEV")
expect_not_on_disks THE-PLAINTEXT-MARKER

devices=("$SCRATCH_DEV")
cuts=0
for ((flush = flushes; flush >= 1; flush -= 5)); do
	cut_after "$flush"
	[ -s marks ] || break
	mount_btrfs
	add_key main >/dev/null
	sqlite.py check "$encrypted" marks
	verify_offline >/dev/null
	cuts=$((cuts + 1))
done
[ $cuts -ge 20 ] || fail "only $cuts cuts"
