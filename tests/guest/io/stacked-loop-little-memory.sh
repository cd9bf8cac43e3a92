#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Filesystems on loop devices on encrypted files, three deep, in a machine whose memory
# is full.
# memory: 448
# long: yes
# timeout: 900
# dmesg: Out of memory
. harness.sh
. encryption.sh
. stacks.sh

# fill_memory: but for 64 MiB, by a process that is the first to be killed
fill_memory() {
	echo 1000 >/proc/self/oom_score_adj
	exec python3 -c 'import time
with open("/proc/meminfo") as file:
    kib = next(int(line.split()[1]) for line in file if line.startswith("MemAvailable"))
print(f"{kib} KiB are available", flush=True)
memory = bytearray(max(0, kib - (64 << 10)) << 10)
for at in range(0, len(memory), 4096):
    memory[at] = 1
open("full", "w").close()
time.sleep(10000)'
}

echo -1000 >/proc/$$/oom_score_adj
deadline=200
for pool_size in 1 128; do
	load_engine $pool_size
	for stack_direct_io in off on; do
		for options in noatime noatime,nodatasum,inlinecrypt; do
			stack_options[btrfs]=$options
			fill_memory &
			until [ -e full ]; do
				sleep 0.1
			done
			stack_works 10
			free -m
			# It may have been killed before.
			kill $! 2>/dev/null || true
			wait $! || true
			rm full
		done
	done
done
