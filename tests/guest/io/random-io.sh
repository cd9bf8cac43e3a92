#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Random buffered, mapped and direct I/O, truncation, allocation and cloning do the
# same in an encrypted directory as in a plain one.
# variant: random-io-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

start_encrypted
same_random_io 1 2
