#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The reserve for bounce bios is allocated with the first policy, or at mount if there
# are encrypted files, and an error says so if there is no memory for it.  A filesystem
# without encrypted files doesn't have it.
# dmesg: BTRFS error .*open_ctree failed: -12
. harness.sh
. encryption.sh
. fault-injection.sh

attributes=(failslab)

# fail_bounce_pool: what btrfs_alloc_bounce_pool() allocates
fail_bounce_pool() {
	local start end
	read -r start end < <(function_bounds btrfs_alloc_bounce_pool)
	let_fail 100 task-filter=N ignore-gfp-wait=N "require-start=$start" "require-end=$end"
}

# expect_failed COUNT: fail unless that many allocations failed; let no more fail
expect_failed() {
	stop_failing
	[ "${failed[failslab]}" = "$1" ] || fail "expected $1"
}

new_btrfs
make_key main
main=$(add_key main)
mkdir "$encrypted" "$plain" "$SCRATCH_MNT"/{1..20}
umount "$SCRATCH_MNT"

fail_bounce_pool
mount_btrfs
add_key main >/dev/null
head -c 1M /dev/urandom >"$plain/file"
sync
expect_failed 0

fail_bounce_pool
xfs_io_fails 'Cannot allocate memory' -c "set_encpolicy -v 2 $main" "$encrypted"
expect_failed 1
touch "$encrypted/plain"
rm "$encrypted/plain"
sync
btrfs inspect-internal dump-super "$SCRATCH_DEV" | grep -q '^incompat_flags.*0x1[0-9a-f]\{14\}$' &&
	fail "the superblock says that there are encrypted files"

# Several at once
for ((i = 1; i <= 20; i++)); do
	set_policy "$SCRATCH_MNT/$i" "$main" -v 2 &
done
wait
set_policy "$encrypted" "$main" -v 2
for ((i = 1; i <= 20; i++)); do
	cp "$plain/file" "$SCRATCH_MNT/$i"
done
cp "$plain/file" "$encrypted"
umount "$SCRATCH_MNT"

fail_bounce_pool
run_expect 32 mount "$SCRATCH_DEV" "$SCRATCH_MNT"
expect_failed 1
mount_btrfs
add_key main >/dev/null
for ((i = 1; i <= 20; i++)); do
	cmp "$plain/file" "$SCRATCH_MNT/$i/file"
done
verify_offline
