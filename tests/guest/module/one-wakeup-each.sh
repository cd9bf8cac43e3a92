#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# 64 tasks want one cipher for an extent each: whenever it is free, one of them is woken,
# and not all that wait.
# module: no
. harness.sh
. encryption.sh
. held-ciphers.sh

tasks=64

load_held_engine 1
start_encrypted
# Extents of their own
for ((i = 0; i < tasks; i++)); do
	head -c 4k /dev/urandom >"$encrypted/$i"
done
drop_caches
hold_ciphers
for ((i = 0; i < tasks; i++)); do
	cat "$encrypted/$i" >/dev/null &
done
# They wait in workers, of which there may be fewer.
until_held 1
sleep 5
before=$(stat_of wakeups)
[ "$before" = 0 ] || fail "$before tasks were woken for nothing"
release_ciphers
wait
waits=$(stat_of waits)
wakeups=$(stat_of wakeups)
echo "$waits waits, $wakeups wakeups"
[ "$waits" -ge 2 ] || fail "hardly anybody had to wait"
[ "$wakeups" -le $((waits * 5 / 4)) ] || fail "too many were woken"
umount "$SCRATCH_MNT"
