#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Filesystems on loop devices on encrypted files, three deep, in all ways.
# long: yes
# timeout: 1800
. harness.sh
. encryption.sh
. inline-disks.sh
. stacks.sh

for pool_size in 1 128; do
	load_engine $pool_size
	for stack_direct_io in off on; do
		for options in '' ,inlinecrypt; do
			stack_options[btrfs]=noatime,nodatasum$options
			stack_options[ext4]=noatime$options
			for kinds in 'btrfs btrfs btrfs' 'ext4 btrfs ext4' 'btrfs ext4 btrfs'; do
				read -ra stack <<<"$kinds"
				stack_works 5
			done
		done
		stack=(btrfs btrfs btrfs)
		stack_options[btrfs]=noatime
		stack_works 5
		stack_options[btrfs]=noatime,compress
		stack_works 5
	done
done

echo "--- hardware"
make_inline_disks megabytes=640
stack_disk=${devices[0]}
for pool_size in 1 128; do
	load_engine $pool_size
	for stack_direct_io in off on; do
		stack_options[btrfs]=noatime,nodatasum,inlinecrypt
		stack_works 5
		inline_disks_are stale 0
		inline_disks_are late 0
		inline_disks_are held 0
	done
done
modprobe -r inline_disk fscrypt_extent
