#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Inodes are evicted by reclaim while keys are set up, ciphers of each mode are
# allocated, and keys are removed.  Closing in reclaim must wait for none of that.
# guest: own
. harness.sh
. encryption.sh

cgroup=/sys/fs/cgroup/tight

evict() {
	while [ -e going ]; do
		echo 2 >/proc/sys/vm/drop_caches
	done
}

# Also when memory that the opener itself may have runs out
open_all() {
	local mode
	for mode in "${!modes[@]}"; do
		cat "$SCRATCH_MNT/$mode/file" >/dev/null 2>&1 || true
		seq 20000 >"$SCRATCH_MNT/$mode/file" 2>/dev/null || true
	done
}

start_encrypted
for mode in "${!modes[@]}"; do
	mkdir "$SCRATCH_MNT/$mode"
	set_policy "$SCRATCH_MNT/$mode" "$main" -v 2 "${modes[$mode]}"
done
umount "$SCRATCH_MNT"
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir $cgroup
echo 24M >$cgroup/memory.high

touch going
evict &
for ((i = 1; i <= 2; i++)); do
	# So that all ciphers are allocated again.
	modprobe -r fscrypt_extent
	modprobe fscrypt_extent
	mount_btrfs
	for ((j = 1; j <= 2; j++)); do
		add_key main >/dev/null
		(
			echo "$BASHPID" >$cgroup/cgroup.procs
			open_all
			open_all
		) &
		opener=$!
		xfs_io -c "rm_enckey $main" "$SCRATCH_MNT" >/dev/null
		add_key main >/dev/null
		wait $opener
		remove_key "$main" >/dev/null
	done
	add_key main >/dev/null
	for mode in "${!modes[@]}"; do
		seq 20000 >"$SCRATCH_MNT/$mode/file"
	done
	drop_caches
	for mode in "${!modes[@]}"; do
		seq 20000 | cmp - "$SCRATCH_MNT/$mode/file"
	done
	umount "$SCRATCH_MNT"
	echo "round $i: all files are right"
done
rm going
wait
