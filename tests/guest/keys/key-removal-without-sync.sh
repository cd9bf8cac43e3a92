#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The ioctls that remove keys sync the filesystem only if the key goes and there are
# files of it in memory.  Wrong arguments don't, nor a key that isn't there, that
# another user has added too, or that has no files.
. harness.sh
. encryption.sh

remove() {
	as fsgqa remove-key-ioctl.py "$@"
}

tracing=/sys/kernel/tracing

syncs() {
	grep -c ': btrfs_sync_fs: ' $tracing/trace || true
}

is_delayed() {
	filefrag -v "$plain/dirty" | grep -q delalloc
}

# expect_no_sync RESULT ARGUMENT...: of remove-key-ioctl.py
expect_no_sync() {
	local said
	said=$(remove "${@:2}")
	echo "${*:2}: $said; $(syncs) syncs"
	[ "$said" = "$1" ] || fail "'$said' instead of '$1'"
	[ "$(syncs)" = 0 ] || fail "the filesystem was synced"
	is_delayed || fail "the dirty file was written"
}

start_encrypted
chmod 777 "$SCRATCH_MNT"
for name in users unused; do
	make_key $name
done
# Without files
unused=$(as fsgqa xfs_io -c add_enckey "$SCRATCH_MNT" <"$OUT/unused.key" | sed 's/.* //')
# Of two users
users=$(add_key users)
as fsgqa xfs_io -c add_enckey "$SCRATCH_MNT" <"$OUT/users.key"
echo contents >"$encrypted/file"
sync

interval=$(</proc/sys/vm/dirty_writeback_centisecs)
echo 0 >/proc/sys/vm/dirty_writeback_centisecs
head -c 1M /dev/zero >"$plain/dirty"
is_delayed || fail "the file isn't dirty"
echo >$tracing/trace
echo 1 >$tracing/events/btrfs/btrfs_sync_fs/enable

expect_no_sync EFAULT "$SCRATCH_MNT" one bad-pointer
expect_no_sync EINVAL "$SCRATCH_MNT" one bad-type
expect_no_sync EINVAL "$SCRATCH_MNT" one reserved
expect_no_sync ENOKEY "$SCRATCH_MNT" one 00112233445566778899aabbccddeeff
expect_no_sync ENOKEY "$SCRATCH_MNT" one "$main"
expect_no_sync EACCES "$SCRATCH_MNT" all "$main"
expect_no_sync "flags 2" "$SCRATCH_MNT" one "$users"
expect_no_sync "flags 0" "$SCRATCH_MNT" one "$unused"

# With a file in memory, it is.
remove_key "$main"
[ "$(syncs)" -gt 0 ] || fail "a file in memory was not synced"
! is_delayed || fail "the dirty file is still dirty"
echo 0 >$tracing/events/btrfs/btrfs_sync_fs/enable
echo "$interval" >/proc/sys/vm/dirty_writeback_centisecs
