#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, without copy on write and
# checksums: overwriting encrypts anew with the extent's old nonce.
# variant: random-io-nodatacow-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

mount_options=noatime,nodatacow
start_encrypted
same_random_io 1 2
