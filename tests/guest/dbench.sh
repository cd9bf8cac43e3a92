#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# dbench with ten clients, for STRESS_SECONDS, in an encrypted directory.
# timeout: 300
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

start_encrypted
dbench --directory="$encrypted" --timelimit="${STRESS_SECONDS:-20}" --skip-cleanup 10 |
	grep -v ' warmup \| execute '
drop_caches
remove_key "$main"
add_key main
verify_offline
