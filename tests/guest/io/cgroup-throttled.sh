#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A cgroup that may write little, by io.max or by iocost, holds up itself only: while a
# minute of its writes waits, another's write and fsync to the same filesystem is done
# in seconds, and no encryption worker waits for it.  All that a cgroup writes is
# charged to it.
# guest: own
# long: yes
. harness.sh
. encryption.sh

cgroups=/sys/fs/cgroup
disk=$(<"/sys/block/${SCRATCH_DEV##*/}/dev")

# in_cgroup NAME COMMAND...
in_cgroup() {
	(
		echo "$BASHPID" >"$cgroups/$1/cgroup.procs"
		exec "${@:2}"
	)
}

# What holds the cgroup "slow" back to 1 MiB/s; and what ends that
io_max() {
	echo "$disk wbps=1048576" >$cgroups/slow/io.max
}

io_max_end() {
	echo "$disk wbps=max" >$cgroups/slow/io.max
}

# cost_model BYTES_PER_SECOND
cost_model() {
	echo "$disk ctrl=user model=linear rbps=$1 rseqiops=100000 rrandiops=100000" \
		"wbps=$1 wseqiops=100000 wrandiops=100000" >$cgroups/io.cost.model
}

# Most of the disk is for others, who use it all the time.
iocost() {
	cost_model 1048576
	echo "$disk enable=1 ctrl=user min=100 max=100" >$cgroups/io.cost.qos
}

iocost_end() {
	cost_model 1000000000
}

# waiting_below FUNCTION: print how many tasks wait for a cgroup's budget that it has
# called
waiting_below() {
	local stack count=0
	for stack in /proc/[0-9]*/stack; do
		if grep -qs "$1" "$stack" && grep -qs rq_qos_throttle "$stack"; then
			count=$((count + 1))
		fi
	done
	echo $count
}

# write_slowly DIRECTORY: a minute of writes.  Those that are not direct are held back
# before anything is submitted.
write_slowly() {
	local i
	for ((i = 0; i < 12; i++)); do
		dd if=data of="$1/slow.$i" bs=4M count=1 oflag=direct status=none &
	done
	dd if=data of="$1/slow" bs=1M conv=fsync status=none &
	wait
}

# charged: print how many KiB the cgroup "quick" has written to all disks
charged() {
	awk -F'[ =]' '{
		for (i = 2; i < NF; i++)
			if ($i == "wbytes")
				sum += $(i + 1)
	} END { print int(sum / 1024) }' $cgroups/quick/io.stat
}

echo '+io +memory' >$cgroups/cgroup.subtree_control
mkdir $cgroups/{slow,quick}
echo 1 >$cgroups/slow/io.weight
echo 10000 >$cgroups/quick/io.weight
head -c 16M /dev/urandom >data
head -c 256K data >small
head -c 6M data | base64 >text
kib=()

# With two mirrors, of which one is written by a clone of the bio
devices+=("$TEST_DEV")
start_encrypted -d raid1
in_both mkdir compressed
in_both chattr +c compressed
for file in buffered direct compressed/text; do
	case $file in
	buffered) operands=(if=data bs=1M conv=fsync) ;;
	direct) operands=(if=data bs=1M oflag=direct) ;;
	compressed/text) operands=(if=text bs=1M conv=fsync) ;;
	esac
	for directory in "$plain" "$encrypted"; do
		sync
		before=$(charged)
		in_cgroup quick dd "${operands[@]}" of="$directory/$file" status=none
		kib[${#kib[@]}]=$(($(charged) - before))
	done
	echo "$file: ${kib[-2]} KiB charged for a plain file, ${kib[-1]} KiB for an encrypted one"
	[ "${kib[-2]}" -gt 10000 ] || fail "a plain file isn't charged to the cgroup"
	[ "${kib[-1]}" -ge $((kib[-2] * 9 / 10)) ] || failed=yes
done
umount "$SCRATCH_MNT"

devices=("$SCRATCH_DEV")
start_encrypted
in_both touch small
for limit in io_max iocost; do
	for directory in "$plain" "$encrypted"; do
		sync
		$limit
		in_cgroup slow bash -c "$(declare -f write_slowly); write_slowly $directory" &
		backlog=$!
		sleep 5
		start=${EPOCHREALTIME/./}
		in_cgroup quick dd if=small of="$directory/small" bs=256k conv=fsync,notrunc \
			status=none
		ms=$(((${EPOCHREALTIME/./} - start) / 1000))
		kill -0 $backlog 2>/dev/null || fail "there is no backlog with $limit"
		workers=$(waiting_below btrfs_encrypt_work)
		echo "$limit, ${directory##*/}: fsync took $ms ms," \
			"$workers encryption workers wait for the cgroup's budget," \
			"$(waiting_below blkg_async_bio_workfn) workers of cgroups do"
		[ $ms -lt 15000 ] && [ "$workers" = 0 ] || failed=yes
		${limit}_end
		wait $backlog
	done
done

[ -z "${failed-}" ] || fail "a cgroup holds up others, or isn't charged"
