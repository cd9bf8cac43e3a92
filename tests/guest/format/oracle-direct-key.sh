#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Policies with DIRECT_KEY: one key for all extents, whose nonces are in the IV.
. harness.sh
. encryption.sh
. file-tree.sh

descriptor=1111111111111111

start_encrypted
make_key "$descriptor"
xfs_io -c "add_enckey -d $descriptor" "$SCRATCH_MNT" <"$OUT/$descriptor.key"
mkdir "$SCRATCH_MNT"/{v1,v2}
set_policy "$SCRATCH_MNT/v1" "$descriptor" -v 1 "${modes[Adiantum]}" -f 0x4
set_policy "$SCRATCH_MNT/v2" "$main" -v 2 "${modes[Adiantum]}" -f 0x4
make_tree "$SCRATCH_MNT/v1/tree" 1
make_tree "$SCRATCH_MNT/v2/tree" 2
verify_offline --v1-key "$descriptor:$OUT/$descriptor.key"
at_least 20 "encrypted extents, mode Adiantum"
