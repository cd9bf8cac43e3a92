#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What was appended to a file is not lost because its key was removed, neither when
# it was still dirty after the last close, nor while keys come and go all the time.
. harness.sh
. encryption.sh

rounds=${ROUNDS:-15}

# append_numbers FILE: one after the other, as long as there is a file "going"
append_numbers() {
	local number=0
	while [ -e going ]; do
		if echo $((number + 1)) >>"$1"; then
			number=$((number + 1))
		fi 2>/dev/null
	done
	seq $number >appended
}

for policy_version in 1 2; do
	echo "--- v$policy_version"
	start_encrypted
	exec 5>"$encrypted/file"
	echo 'written with the key' >&5
	remove_busy_key "$main"
	echo 'written without it' >&5
	exec 5>&-
	echo 2 >/proc/sys/vm/drop_caches
	add_key main
	diff - "$encrypted/file" <<<$'written with the key\nwritten without it'

	touch going
	append_numbers "$encrypted/numbers" &
	busy=0
	for ((i = 0; i < rounds || busy == 0; i++)); do
		if xfs_io -c "rm_enckey $main" "$SCRATCH_MNT" | grep -q busy; then
			busy=$((busy + 1))
		fi
		if ((i % 4 == 0)); then
			echo 2 >/proc/sys/vm/drop_caches
		fi
		add_key main >/dev/null
	done
	rm going
	wait
	echo "$(wc -l <appended) numbers were appended; the file was busy in $busy of $i removals"
	diff appended "$encrypted/numbers"
	remount
	diff appended "$encrypted/numbers"
	verify_offline
done
