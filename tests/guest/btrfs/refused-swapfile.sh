#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# An encrypted file can't be swapped to: the block layer would write to it past
# btrfs, in the clear.  The kernel refuses that for all filesystems.
. harness.sh
. encryption.sh

start_encrypted
in_both touch swapfile
in_both chattr +C swapfile
in_both fallocate -l 64M swapfile
in_both chmod 600 swapfile
in_both mkswap -q swapfile
expect_error 'Invalid argument' swapon "$encrypted/swapfile"
swapon "$plain/swapfile"
swapoff "$plain/swapfile"
