#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A filesystem on a loop device on an encrypted file of another, and a third on that.
# An upper one has keys for blk-crypto and ciphers in use while a lower one needs some,
# too: it must not wait for those.
. harness.sh
. encryption.sh
. stacks.sh

load_engine 1
stack_options[btrfs]=noatime,nodatasum,inlinecrypt
stack_direct_io=on
stack_works
stack_options[btrfs]=noatime
stack_direct_io=off
stack_works

# The upper one has much in flight at once, as the lower one doesn't write for a while.
load_engine 128
stack=(btrfs btrfs)
stack_options[btrfs]=noatime,nodatasum,inlinecrypt
stack_direct_io=on
in_time make_stack
in_time dirty_files "$(stack_top)" 500
xfs_io -x -c freeze "$TEST_DIR/1"
sync -f "$(stack_top)" &
sleep 3
xfs_io -x -c thaw "$TEST_DIR/1"
ended sync $!
in_time remount_stack
right_files "$(stack_top)" 500
grep '^blk-crypto' $stats
in_time unmount_stack
check_stack
modprobe -r fscrypt_extent
