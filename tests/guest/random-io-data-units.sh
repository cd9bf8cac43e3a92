#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, with data units of 512 bytes and
# a cipher that needs the whole unit at once.
# timeout: 240
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

start_encrypted
mkdir "$SCRATCH_MNT/small-units"
set_policy "$SCRATCH_MNT/small-units" "$main" -v 2 -c 9 -n 9 -s 9
python3 "${0%/*}/twin-io.py" 3 400 "$SCRATCH_MNT/small-units" "$plain"
remount
same_trees "$SCRATCH_MNT/small-units" "$plain" "after a remount"
verify_offline
