#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same random I/O as in a plain directory, with data units of 512 bytes and
# a cipher that needs the whole unit at once.
. harness.sh
. encryption.sh

start_encrypted
encrypted=$SCRATCH_MNT/small-units
mkdir "$encrypted"
set_policy "$encrypted" "$main" -v 2 "${modes[Adiantum]}" -s 9
same_random_io 3
