#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What fsync writes to the log has nothing of what was in memory before: not all
# of a logged inode item used to be initialised.
# timeout: 400
. harness.sh
. encryption.sh

marker=FREED-MEMORY
start_encrypted
for ((i = 0; i < 100; i++)); do
	echo $i >"$encrypted/file$i"
	sync "$encrypted/file$i"
done
sync
# A good part of the memory, so that tree blocks get pages that had this text.
head -c "$(awk '/MemAvailable/ { print $2 * 400 }' /proc/meminfo)" < <(yes $marker || :) >memory
rm memory
for ((i = 0; i < 100; i++)); do
	# A fast fsync, which makes the item anew
	echo more >>"$encrypted/file$i"
	sync "$encrypted/file$i"
done
for ((i = 0; i < 10; i++)); do
	# A full one, in a log that begins with it
	sync
	echo $i >"$encrypted/new$i"
	sync "$encrypted/new$i"
done
expect_not_on_disks $marker
