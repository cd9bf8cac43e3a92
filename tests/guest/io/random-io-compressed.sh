#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, with compression.
# variant: random-io-compressed-authenticated long=yes vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

mount_options=noatime,compress-force=zstd
start_encrypted
same_random_io 1 2
