#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as key-wipe when blk-crypto-fallback has the keys.
# vm: qemu
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 1200
KEY_WIPE_MOUNT_OPTIONS=noatime,nodatasum,inlinecrypt POLICIES=2:1:4:0 \
	exec "${0%/*}/key-wipe.sh"
