#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt and blk-crypto-fallback, a write ends while it is still being
# submitted, and its key is replaced by another: it was evicted from its keyslot.
. harness.sh
. encryption.sh
. inline-disks.sh
. stacks.sh

load_engine 1
make_inline_disks disks=1
# This one has no hardware.
devices=(/dev/inline0raw)
mount_options=noatime,nodatasum,inlinecrypt
start_encrypted
for file in first second; do
	head -c 64k /dev/urandom >"$encrypted/$file"
done
sync
sha256sum "$encrypted"/* >"$OUT/sums"

hold=/sys/module/inline_disk/parameters/hold_writers
dd if="$encrypted/first" of="$encrypted/written" bs=64k status=none
echo 1 >$hold
# This has no plug.
xfs_io -c 'sync_range -w 0 64k' "$encrypted/written" &
until [ "$(inline_disks returning)" -gt 0 ]; do
	sleep 0.1
done
sleep 1
in_time direct_dd if="$encrypted/second" of=/dev/null bs=64k
grep '^blk-crypto\|^device' $stats
inline_disks_are returning 1
echo 0 >$hold
wait
sha256sum --quiet -c "$OUT/sums"
cmp "$encrypted/first" "$encrypted/written"
umount "$SCRATCH_MNT"
modprobe -r inline_disk fscrypt_extent
