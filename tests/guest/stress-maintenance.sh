#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files are written in all ways while everything that an administrator can do to a
# filesystem is done to it, keys come and go, and caches are dropped.  Nothing is lost and
# no memory is left behind.  STRESS_SECONDS says how long.  With FSTESTS_DIR, its fsstress
# and fsx are among those who write.
# long: yes
# timeout: 7200
# guest: own
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

seconds=${STRESS_SECONDS:-1800}
spare=${SCRATCH_DEV_POOL%% *}

# again WHAT: do that until there is a file named stop, and count how often it worked.
# Those that need the filesystem for themselves refuse to run beside each other.  Bash
# goes on after an error in what it tests: hence && in these functions.
again() {
	local count=0
	while [ ! -e stop ]; do
		if "$1" >"said.$1" 2>&1; then
			count=$((count + 1))
			echo $count >"count.$1"
		elif ! grep -q 'in progress\|Operation now' "said.$1"; then
			cat "said.$1" >>"errors.$1"
		fi
		sleep 0.$((RANDOM % 10))
	done
}

balance() {
	btrfs balance start -dlimit=2 -mlimit=1 "$SCRATCH_MNT"
}

snapshot() {
	local name=$SCRATCH_MNT/snapshot.$RANDOM
	btrfs subvolume snapshot "$SCRATCH_MNT" "$name" || return
	sleep 0.$((RANDOM % 10))
	# Without the key, they can't be read.
	find "$name/encrypted" -type f -exec cat {} + >/dev/null 2>&1
	btrfs subvolume delete "$name"
}

defrag() {
	# Without the key, it fails.
	btrfs filesystem defragment -r -f "$SCRATCH_MNT" || true
}

scrub() {
	btrfs scrub start -B "$SCRATCH_MNT"
}

device() {
	btrfs device add -f "$spare" "$SCRATCH_MNT" || return
	sleep 1
	until btrfs device remove "$spare" "$SCRATCH_MNT"; do
		sleep 0.5
	done
}

quota() {
	btrfs quota enable "$SCRATCH_MNT" && btrfs quota rescan -w "$SCRATCH_MNT" &&
		sleep 0.$((RANDOM % 10)) && btrfs quota disable "$SCRATCH_MNT"
}

caches() {
	echo $((RANDOM % 3 + 1)) >/proc/sys/vm/drop_caches
}

keys() {
	# Without the key, no file can be opened: it is soon there again.
	xfs_io -c "rm_enckey $main" "$SCRATCH_MNT" && [ "$(add_key main)" = "$main" ] && sleep 1
}

jobs=(balance snapshot defrag scrub device quota caches keys)

# wait_for_open PROCESS COUNT: until it has that many encrypted files open
wait_for_open() {
	until [ "$(readlink "/proc/$1/fd/"* | grep -c "^$encrypted/")" -ge "$2" ]; do
		kill -0 "$1"
		sleep 0.1
	done
}

# start_writers: of all kinds; when this returns, those have their files open which must
start_writers() {
	local seed
	for seed in 1 2; do
		python3 "${0%/*}/stress-writer.py" $seed "$seconds" "$encrypted" "$OUT/expected" &
		writers+=($!)
	done
	fio --output-format=terse --directory="$encrypted" --thread --size=8m --time_based \
		--runtime="$seconds" --verify=crc32c --verify_fatal=1 --verify_backlog=64 --rw=randwrite \
		--name=buffered --bsrange=4k-64k --name=direct --bs=16k --direct=1 >fio.log 2>&1 &
	writers+=($!)
	wait_for_open $! 2
	if [ -n "$FSTESTS_DIR" ]; then
		mkdir "$encrypted/fsstress"
		timeout "$seconds" "$FSTESTS_DIR/ltp/fsstress" -d "$encrypted/fsstress" -p 2 -l 0 \
			>fsstress.log 2>&1 &
		"$FSTESTS_DIR/ltp/fsx" -q -S 1 -l 500000 --duration="$seconds" "$encrypted/fsx" \
			>fsx.log 2>&1 &
		writers+=($!)
		wait_for_open $! 3
	fi
}

start_encrypted
mkdir "$encrypted"/{a,b} "$OUT/expected"
mkdir "$OUT/expected"/{a,b}
writers=()
start_writers
for job in "${jobs[@]}"; do
	again "$job" &
done
for pid in "${writers[@]}"; do
	wait "$pid" || {
		tail -n 100 fio.log fsx.log
		fail "a writer failed"
	}
done
touch stop
wait
tail -n 3 fio.log fsx.log
for job in "${jobs[@]}"; do
	[ ! -e "errors.$job" ] || cat "errors.$job"
	echo "$job: $(<"count.$job") times"
done
[ -z "$(find . -name 'errors.*')" ] || fail "some of that failed"
for job in "${jobs[@]}"; do
	[ "$(<"count.$job")" -ge $((seconds / 60)) ] || fail "too few of them: $job"
done
add_key main
same_as_expected() {
	diff -r "$OUT/expected/a" "$encrypted/a"
	diff -r "$OUT/expected/b" "$encrypted/b"
}
same_as_expected
remount
same_as_expected
btrfs scrub start -B "$SCRATCH_MNT"
verify_offline
# What is left of a slab is a warning.
modprobe -r btrfs fscrypt_extent
