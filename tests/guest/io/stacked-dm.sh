#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Encrypted files on a mirror of two disks, which is slow, below dm-crypt; and a
# filesystem on one of these files.
# long: yes
. harness.sh
. encryption.sh
. stacks.sh

read -r one other _ <<<"$SCRATCH_DEV_POOL"
sectors=2097152
key=$(head -c 64 /dev/zero | tr '\0' k | xxd -p -c 64)
dmsetup create mirror --table "0 $sectors raid raid1 2 0 nosync 2 - $one - $other"
dmsetup create slow --table "0 $sectors delay /dev/mapper/mirror 0 1"
dmsetup create crypt --table "0 $sectors crypt aes-xts-plain64 $key 0 /dev/mapper/slow 0"
stack_disk=/dev/mapper/crypt
stack=(btrfs btrfs)
stack_direct_io=on
for options in noatime noatime,nodatasum,inlinecrypt; do
	load_engine 1
	stack_options[btrfs]=$options
	stack_works
done
modprobe -r fscrypt_extent
