#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With a single cipher of each mode, everybody waits for everybody, but never for
# ever: writers and readers with two keys, in two modes, one of which is Adiantum,
# while one key is removed and added all the time.
# That takes two CPUs, and User-mode Linux has one.
# vm: qemu
# module: no
. harness.sh
. encryption.sh

# read_shared DIRECTORY: over and over from the disk, as several of these do at once
read_shared() {
	while [ -e going ]; do
		direct_dd if="$1/shared" bs=1M | cmp - shared || return
	done
}

modprobe fscrypt_extent pool_size=1
start_encrypted
make_key other
other=$(add_key other)
head -c 16M /dev/urandom >shared
writers=()
seed=0
readers=()
touch going
for key in main other; do
	for mode in AES-256-XTS Adiantum; do
		name=$key-$mode
		mkdir -p "$SCRATCH_MNT/$name" "$OUT/expected/$name"/{a,b}
		set_policy "$SCRATCH_MNT/$name" "${!key}" -v 2 "${modes[$mode]}"
		mkdir "$SCRATCH_MNT/$name"/{a,b}
		stress-writer.py $((++seed)) 30 "$SCRATCH_MNT/$name" \
			"$OUT/expected/$name" &
		writers+=($!)
		[ $key = main ] || continue
		cp shared "$SCRATCH_MNT/$name/"
		for _ in 1 2; do
			read_shared "$SCRATCH_MNT/$name" &
			readers+=($!)
		done
	done
done
removals=0
while kill -0 "${writers[@]}" 2>/dev/null; do
	xfs_io -c "rm_enckey $other" "$SCRATCH_MNT" >/dev/null
	removals=$((removals + 1))
	add_key other >/dev/null
	echo 1 >/proc/sys/vm/drop_caches
	sleep 0.2
done
for pid in "${writers[@]}"; do
	wait "$pid"
done
rm going
for pid in "${readers[@]}"; do
	wait "$pid"
done
echo "$removals removals"
cat $stats
[ "$(grep -cx 'slots 1' $stats)" = 2 ] || fail "not one slot each"
! grep -x 'waits 0' $stats || fail "nobody had to wait"

rm "$SCRATCH_MNT"/main-*/shared
for name in {main,other}-{AES-256-XTS,Adiantum}; do
	diff -r "$OUT/expected/$name" "$SCRATCH_MNT/$name"
done
remount
add_key other >/dev/null
for name in {main,other}-{AES-256-XTS,Adiantum}; do
	diff -r "$OUT/expected/$name" "$SCRATCH_MNT/$name"
done
verify_offline --key "$OUT/other.key"
