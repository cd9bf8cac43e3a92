#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Files are opened, written in all ways, mapped, renamed and deleted while keys are
# added and removed and caches dropped.  No write that succeeded may be lost.
# STRESS_SECONDS says how long.
# variant: key-stress-10-minutes long=yes timeout=1200 STRESS_SECONDS=600
. harness.sh
. encryption.sh

seconds=${STRESS_SECONDS:-45}

start_encrypted
mkdir "$encrypted"/{a,b} "$OUT/expected"
mkdir "$OUT/expected"/{a,b}
pids=()
for seed in 1 2 3; do
	stress-writer.py $seed "$seconds" "$encrypted" "$OUT/expected" &
	pids+=($!)
done
removed=0
busy=0
while kill -0 "${pids[@]}" 2>/dev/null; do
	case $(xfs_io -c "rm_enckey $main" "$SCRATCH_MNT") in
	*busy) busy=$((busy + 1)) ;;
	*) removed=$((removed + 1)) ;;
	esac
	if ((RANDOM % 2)); then
		echo $((RANDOM % 3 + 1)) >/proc/sys/vm/drop_caches
	fi
	add_key main >/dev/null
	# Else too few files could be opened.
	sleep 0.$((RANDOM % 5))
done
for pid in "${pids[@]}"; do
	wait "$pid"
done
echo "removed $removed times completely, $busy times with files in use"
diff -r "$OUT/expected" "$encrypted"
remount
diff -r "$OUT/expected" "$encrypted"
verify_offline
