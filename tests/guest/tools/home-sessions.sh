#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A user logs in and out a hundred times, as systemd-homed or pam_fscrypt do it: the key is
# added and removed, each time files are written, and nothing of it is left in memory.
# vm: uml
# long: yes
# timeout: 900
. harness.sh
. encryption.sh

new_btrfs
home=$SCRATCH_MNT/home/fsgqa
mkdir "$SCRATCH_MNT/home"
btrfs -q subvolume create "$home"
chown fsgqa: "$home"
make_key fsgqa
identifier=$(add_key fsgqa)
set_policy "$home" "$identifier"
for ((session = 1; session <= 100; session++)); do
	[ "$(add_key fsgqa)" = "$identifier" ] || fail "another identifier"
	as fsgqa cp "$home/log" "$home/log.$session" 2>/dev/null || [ $session = 1 ]
	as fsgqa rm -f "$home/log.$((session - 5))"
	echo $session | as fsgqa tee -a "$home/log" >/dev/null
	[ "$(tail -n 1 "$home/log")" = $session ] || fail "session $session isn't in the log"
	remove_key "$identifier" >/dev/null
	[ ! -e "$home/log" ] || fail "names can be read after session $session"
	if [ $session = 20 ]; then
		drop_caches
		before=$(kernel_memory)
	fi
done
drop_caches
growth=$(($(kernel_memory) - before))
echo "growth in 80 sessions: $growth KiB"
# Each session makes new items of btrfs's tree, which are in the page cache.
[ $growth -lt 2048 ] || fail "memory is left behind"
add_key fsgqa >/dev/null
seq 100 | diff - "$home/log"
cp "$OUT/fsgqa.key" "$OUT/main.key"
verify_offline
