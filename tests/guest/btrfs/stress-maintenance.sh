#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files are written in all ways while everything that an administrator can do to a
# filesystem is done to it, keys come and go, caches are dropped, memory is reclaimed, and
# allocations that there is a reserve for fail.  Nothing is lost and no memory is left
# behind.  That is done for STRESS_SECONDS.  With FSTESTS_DIR, its fsstress and fsx are
# among those who write.
# long: yes
# timeout: 1200
# guest: own
# variant: stress-maintenance-30-minutes timeout=7200 STRESS_SECONDS=1800
# variant: stress-maintenance-authenticated-30-minutes long=yes timeout=7200 STRESS_SECONDS=1800 POLICY_FLAGS=0x82
. harness.sh
. encryption.sh
. fault-injection.sh

# On a disk of 3 GB, relocation runs out of space for metadata now and then, as on plain btrfs.
devices=("$SCRATCH_DEV" "$TEST_DEV")
cgroup=/sys/fs/cgroup/writers
attributes=(failslab fail_page_alloc)
seconds=${STRESS_SECONDS:-60}
spare=${SCRATCH_DEV_POOL%% *}

# again WHAT: do that until there is a file named stop, and count how often it worked; an
# error but "busy" is kept.  Bash goes on after an error in what it tests, hence || and &&.
again() {
	local count=0 status
	while [ ! -e stop ]; do
		status=0
		"$1" >"said.$1" 2>&1 || status=$?
		case $status in
		0) echo $((++count)) >"count.$1" ;;
		"$busy") ;;
		*) cat "said.$1" >>"errors.$1" ;;
		esac
		sleep 0.$((RANDOM % 10))
	done
}

# unless TEXT COMMAND...: status $busy if it fails with that text
busy=99
unless() {
	local said
	said=$("${@:2}" 2>&1) && return
	echo "$said"
	[[ $said != *"$1"* ]] || return $busy
	return 1
}

# There can be a balance, or a device being added or removed.  They take turns, as on a slow
# machine there would always be a balance.
balance() {
	flock exclusive btrfs balance start -dlimit=2 -mlimit=1 "$SCRATCH_MNT"
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
	# fsstress deletes them.
	unless 'No such file' btrfs filesystem defragment -r -f "$held"
}

scrub() {
	btrfs scrub start -B "$SCRATCH_MNT"
}

device() {
	(
		flock 9 && btrfs device add -f "$spare" "$SCRATCH_MNT" && sleep 1 &&
			btrfs device remove "$spare" "$SCRATCH_MNT"
	) 9>exclusive
}

quota() {
	btrfs quota enable "$SCRATCH_MNT" &&
		unless 'in progress' btrfs quota rescan -w "$SCRATCH_MNT" &&
		sleep 0.$((RANDOM % 10)) && btrfs quota disable "$SCRATCH_MNT"
}

caches() {
	echo $((RANDOM % 3 + 1)) >/proc/sys/vm/drop_caches
}

keys() {
	local said
	# Without the key, no file can be opened: it is soon there again.
	said=$(xfs_io -c "rm_enckey $main" "$SCRATCH_MNT") || return
	[[ $said != "Removed encryption key with"*"$main" ]] || echo "$said" >>removed
	[ "$(add_key main)" = "$main" ] && sleep 1
}

memory() {
	# There isn't always as much to reclaim.
	unless 'temporarily unavailable' bash -c "echo 8M >$cgroup/memory.reclaim"
}

# set_probability PERCENT: of the failures
set_probability() {
	local attribute
	for attribute in "${attributes[@]}"; do
		echo "$1" >"$debugfs/$attribute/probability"
	done
}

failures() {
	set_probability 50
	sleep 0.$((RANDOM % 10))
	set_probability 0
}

jobs=(balance snapshot defrag scrub device quota caches keys memory failures)

# prepare_failures: of what is allocated for bounce bios.  Without others, btrfs goes
# read-only, or crashes if quotas are enabled (set_state_bits()).
prepare_failures() {
	local start end
	read -r start end < <(function_bounds btrfs_alloc_bounce_bio)
	fail_in_all_tasks
	fail_allocations "$start" "$end" 0
	set_probability 0
}

# fsstress: again and again, so that it doesn't fill the disk
fsstress() {
	local end=$((SECONDS + seconds))
	while [ $SECONDS -lt $end ]; do
		"$FSTESTS_DIR/ltp/fsstress" -d "$held/fsstress" -p 2 -n 500
		rm -r "$held/fsstress"
	done
}

# start_writers: of all kinds
start_writers() {
	local seed
	touch fsx.log
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	mkdir $cgroup
	echo $BASHPID >$cgroup/cgroup.procs
	for seed in 1 2; do
		stress-writer.py $seed "$seconds" "$encrypted" "$OUT/expected" &
		writers+=($!)
	done
	fio --output-format=terse --directory="$held" --thread --size=8m --time_based \
		--runtime="$seconds" --verify=crc32c --verify_fatal=1 --verify_backlog=64 --rw=randwrite \
		--name=buffered --bsrange=4k-64k --name=direct --bs=16k --direct=1 >fio.log 2>&1 &
	writers+=($!)
	if [ -n "$FSTESTS_DIR" ]; then
		fsstress >fsstress.log 2>&1 &
		writers+=($!)
		"$FSTESTS_DIR/ltp/fsx" -q -S 1 -l 500000 --duration="$seconds" "$held/fsx" \
			>fsx.log 2>&1 &
		writers+=($!)
	fi
	echo $BASHPID >/sys/fs/cgroup/test/cgroup.procs
}

start_encrypted
# What keeps its files open has a key that stays.
held=$SCRATCH_MNT/held
make_key held
mkdir "$held"
set_policy "$held" "$(add_key held)" -v 2
mkdir "$encrypted"/{a,b} "$OUT/expected"
mkdir "$OUT/expected"/{a,b}
writers=()
prepare_failures
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
grep -x 'pgsteal [1-9].*' $cgroup/memory.stat || fail "no memory was reclaimed"
stop_failing
[ $((failed[failslab] + failed[fail_page_alloc])) -gt 0 ] || fail "no allocations failed"
removed=$(wc -l <removed)
echo "the key was removed completely $removed times"
# It is several times as often on a machine that has nothing else to do.
least=$(((seconds + 299) / 300))
[ "$removed" -ge $least ] || fail "too few times"
for job in "${jobs[@]}"; do
	[ "$(<"count.$job")" -ge $least ] || fail "too few of them: $job"
done
add_key main
diff -r "$OUT/expected" "$encrypted"
remount
add_key held
diff -r "$OUT/expected" "$encrypted"
btrfs scrub start -B "$SCRATCH_MNT"
verify_offline --key "$OUT/held.key"
# What is left of a slab is a warning.
modprobe -r btrfs fscrypt_extent
