#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# As hostile-images, for the seeds that HOSTILE_SEEDS=FIRST-LAST names, or for the next
# 1,000 after the last of which BUILD/hostile-images.results has the result.
# timeout: 5400
# guest: own
# long: yes
# dmesg: BTRFS (critical|error)
# dmesg: WARNING: fs/btrfs/
. "${0%/*}/harness.sh"

results=$BUILD/hostile-images.results
# After a cut of the power, the same ones.
if ! [ -e "$OUT/seeds" ]; then
	last=$(cut -f 1 "$results" 2>/dev/null | sort -n | tail -n 1)
	echo "${HOSTILE_SEEDS:-$((${last:-199} + 1))-$((${last:-199} + 1000))}" >"$OUT/seeds"
fi
exec python3 -B "${0%/*}/hostile/run.py" "$(<"$OUT/seeds")" "$results"
