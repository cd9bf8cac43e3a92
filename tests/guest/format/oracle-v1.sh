#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# v1 policies: the extents' keys come from the key itself, whether it is in the
# filesystem's keyring or in the process's, and not from a key derivation that
# nobody has set up, which would be the same for all keys.
. harness.sh
. encryption.sh
. file-tree.sh

descriptors=(1111111111111111 2222222222222222 3333333333333333 4444444444444444)

start_encrypted
for descriptor in "${descriptors[@]}"; do
	make_key "$descriptor"
	mkdir "$SCRATCH_MNT/$descriptor"
done
for descriptor in "${descriptors[@]:0:3}"; do
	xfs_io -c "add_enckey -d $descriptor" "$SCRATCH_MNT" <"$OUT/$descriptor.key"
done
logon_payload 4444444444444444 | keyctl padd logon fscrypt:4444444444444444 @s
set_policy "$SCRATCH_MNT/1111111111111111" 1111111111111111 -v 1
set_policy "$SCRATCH_MNT/2222222222222222" 2222222222222222 -v 1 "${modes[Adiantum]}"
set_policy "$SCRATCH_MNT/3333333333333333" 3333333333333333 -v 1 "${modes[AES-128-CBC-ESSIV]}"
set_policy "$SCRATCH_MNT/4444444444444444" 4444444444444444 -v 1
keys=()
for descriptor in "${descriptors[@]}"; do
	make_tree "$SCRATCH_MNT/$descriptor/tree" "${descriptor:0:1}"
	keys+=(--v1-key "$descriptor:$OUT/$descriptor.key")
done
verify_offline "${keys[@]}"
at_least 20 "encrypted extents, mode Aes256Xts"
at_least 10 "encrypted extents, mode Aes128CbcEssiv"
at_least 10 "encrypted extents, mode Adiantum"
