#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# dbench with ten clients, for STRESS_SECONDS, in an encrypted directory.
# variant: dbench-10-minutes long=yes timeout=1200 STRESS_SECONDS=600
. harness.sh
. encryption.sh

start_encrypted
# dbench takes 0, which is the first semaphore's identifier, for a failure.
ipcmk --semaphore 1
dbench --directory="$encrypted" --timelimit="${STRESS_SECONDS:-20}" --skip-cleanup 10 |
	grep -v ' warmup \| execute '
drop_caches
remove_key "$main"
add_key main
verify_offline
