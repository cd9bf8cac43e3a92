#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A subvolume with an encrypted inode can't be sent: the stream has neither
# ciphertext nor contexts.  One without can be.
# dmesg: BTRFS error .*send: root .* is encrypted, which is not supported
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

start_encrypted
echo secret >"$encrypted/file"
btrfs subvolume snapshot -r "$SCRATCH_MNT" "$SCRATCH_MNT/snapshot"
expect_error 'Operation not supported' btrfs send -f stream "$SCRATCH_MNT/snapshot"

btrfs subvolume create "$plain/subvolume"
echo public >"$plain/subvolume/file"
btrfs subvolume snapshot -r "$plain/subvolume" "$plain/snapshot"
btrfs send -f stream "$plain/snapshot"
grep -q public stream
