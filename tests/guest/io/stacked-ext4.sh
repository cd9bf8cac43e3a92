#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs on a loop device on an encrypted file of ext4, and below ext4: both with
# inlinecrypt.  ext4 has keys of its own for blk-crypto.
# long: yes
. harness.sh
. encryption.sh
. stacks.sh

load_engine 1
stack=(ext4 btrfs ext4 btrfs)
stack_options[ext4]=noatime,inlinecrypt
stack_options[btrfs]=noatime,nodatasum,inlinecrypt
stack_direct_io=on
stack_works
modprobe -r fscrypt_extent
