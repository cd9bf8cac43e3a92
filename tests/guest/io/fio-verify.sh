#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fio writes blocks that say what and where they are, in every way, and finds
# them again: at once, after dropping the caches, and after a remount.
. harness.sh
. encryption.sh

# run_fio OPTION...
run_fio() {
	fio --output-format=terse --terse-version=3 --directory="$encrypted" --thread \
		--size=4m --verify=crc32c --verify_fatal=1 --randseed=1 "$@" >fio.log || {
		cat fio.log
		fail "fio $*"
	}
	echo "verified: $*"
}

jobs=(
	"--name=buffered --rw=write --bs=64k"
	"--name=random --rw=randwrite --bs=4k --fsync=64"
	"--name=unaligned --rw=randwrite --bs=3000"
	"--name=mapped --rw=randwrite --bs=4k --ioengine=mmap"
	"--name=direct --rw=write --bs=256k --direct=1"
	"--name=direct-random --rw=randwrite --bs=4k --direct=1 --ioengine=io_uring --iodepth=16"
	"--name=direct-large --rw=randwrite --bs=1m --direct=1 --ioengine=io_uring --iodepth=4"
	"--name=allocated --rw=randwrite --bs=16k --direct=1 --fallocate=posix"
)
start_encrypted
for job in "${jobs[@]}"; do
	# shellcheck disable=SC2086 # several words
	run_fio $job
done
for when in "drop_caches" "remount"; do
	echo "--- $when"
	"$when"
	for job in "${jobs[@]}"; do
		# shellcheck disable=SC2086 # several words
		run_fio $job --verify_only
	done
done
verify_offline
