#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On a mount with other user ids, the users there are the owners: they encrypt their
# directories and use them, and others may not.
# long: yes
# vm: uml
. harness.sh
. encryption.sh

# mount_mapped: $SCRATCH_MNT/mapped, whose owner has the number 100000, as fsgqa's
mount_mapped() {
	mount --bind -o "X-mount.idmap=u:100000:$user:1 g:100000:$(id -g fsgqa):1" \
		"$SCRATCH_MNT/mapped" "$TEST_DIR"
}

start_encrypted
user=$(id -u fsgqa)
mkdir "$SCRATCH_MNT/mapped"
chown 100000:100000 "$SCRATCH_MNT/mapped"
mount_mapped
[ "$(stat -c %u "$TEST_DIR")" = "$user" ] || fail "the mount has the same ids"

as fsgqa mkdir "$TEST_DIR/directory"
expect_error 'Required key not available' as fsgqa \
	xfs_io -c "set_encpolicy -v 2 $main" "$TEST_DIR/directory"
as fsgqa xfs_io -c add_enckey "$TEST_DIR/directory" <"$OUT/main.key"
expect_error 'Permission denied' as fsgqa2 \
	xfs_io -c "set_encpolicy -v 2 $main" "$TEST_DIR/directory"
as fsgqa xfs_io -c "set_encpolicy -v 2 $main" "$TEST_DIR/directory"
# shellcheck disable=SC2016 # the other shell expands them
as fsgqa bash -c 'echo contents >"$1/file"; chmod 600 "$1/file"; ln -s file "$1/link"' - \
	"$TEST_DIR/directory"
[ "$(stat -c %u "$SCRATCH_MNT/mapped/directory/file")" = 100000 ] || fail "another owner"
expect_error 'Permission denied' as fsgqa2 cat "$TEST_DIR/directory/link"
umount "$TEST_DIR"
remount
mount_mapped
[ "$(as fsgqa cat "$TEST_DIR/directory/link")" = contents ] || fail "other contents"
umount "$TEST_DIR"
verify_offline
