#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Where the kernel can't tell the names of subvolumes, as another key has taken the name of
# theirs or a directory is damaged, the list has their numbers, and all others.
# vm: uml
# dmesg: BTRFS (critical|error) .*(corrupt leaf|read time tree block corruption)
# dmesg: BTRFS error .*has a name that can't be decrypted
. harness.sh
. bad-image.sh

echo "--- another key"
policy_version=1
encrypted=$SCRATCH_MNT/encrypted
plain=$SCRATCH_MNT/plain
start_encrypted
for ((i = 0; i < 100; i++)); do
	btrfs subvolume create "$encrypted/$i" >/dev/null
done
btrfs subvolume create "$plain/known"
umount "$SCRATCH_MNT"
mount_btrfs
make_key other
add_key other
# To the other key, some names are none, and the rest are noise.
run_expect 1 btrfs subvolume list "$SCRATCH_MNT" >listed
grep 'path plain/known$' listed
grep 'path <subvolume [0-9]*>$' listed
umount "$SCRATCH_MNT"

echo "--- a damaged directory"
policy_version=2
encrypted=$subvolume/encrypted
plain=$subvolume/plain
start_image
mount_with_key
btrfs subvolume create "$SCRATCH_MNT/known" "$subvolume/inner" "$encrypted/inner"
umount "$SCRATCH_MNT"
spoil "$encrypted_inode" $FSCRYPT_INODE_CTX --set 0:00
mount_btrfs
run_expect 1 btrfs subvolume list "$SCRATCH_MNT" >listed
cat listed
[ "$(wc -l <listed)" = 4 ] || fail "not all are listed"
grep 'path known$' listed
[ "$(grep -c 'path .*<subvolume [0-9]*>$' listed)" = 2 ] || fail "other numbers"
