#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A home directory of systemd-homed, with --storage=fscrypt, on btrfs.  What homed calls is
# called here: its policy is v1, and its key is in the user's keyring while he is logged in.
# vm: uml
. harness.sh
. encryption.sh

homework=/usr/lib/systemd/systemd-homework
user=60100
image=$SCRATCH_MNT/alice.homedir
home=/tmp/home/alice

# as_user COMMAND: in a shell of his, with a session like that of a login
as_user() {
	setpriv --reuid $user --regid $user --clear-groups \
		keyctl session - sh -c "keyctl link @u @s && $1"
}

# work VERB [PASSWORD]: what homed has done to the home directory
work() {
	python3 -c 'import json, sys
record = json.load(sys.stdin)
record["secret"] = {"password": [sys.argv[1]]}
json.dump(record, sys.stdout)' "${2-right}" <record | $homework "$1"
}

nobody_can_read() {
	[ ! -e "$image/file" ] || fail "there are names"
	expect_error 'Required key not available' cat "$image"/*
}

mount --make-rshared /
mkdir -p /var/cache/systemd/home /tmp/home /tmp/skeleton
echo skeleton >/tmp/skeleton/file
if ! [ -s /etc/machine-id ]; then
	tr -d - </proc/sys/kernel/random/uuid >/tmp/machine-id
	mount --bind /tmp/machine-id /etc/machine-id
fi
binding="\"uid\": $user, \"gid\": $user, \"storage\": \"fscrypt\",
	\"imagePath\": \"$image\", \"homeDirectory\": \"$home\""
cat >record <<END
{"userName": "alice", "disposition": "regular", $binding, "skeletonDirectory": "/tmp/skeleton",
	"privileged": {"hashedPassword": ["$(openssl passwd -6 right)"]},
	"binding": {"$(</etc/machine-id)": {$binding}}}
END
new_btrfs

echo "--- created"
work create >created
mv created record
xfs_io -r -c get_encpolicy "$image"
drop_caches
nobody_can_read

echo "--- activated"
expect_error 'unlock the user record' work activate wrong
work activate >/dev/null
as_user "cat $home/file; echo contents >$home/new"
as_user "keyctl show @u" | grep fscrypt
[ "$(as_user "cat $home/new")" = contents ] || fail "other contents"
expect_error 'Required key not available' sh -c "echo contents >$image/created"

echo "--- deactivated"
work deactivate >/dev/null
[ ! -e "$home/file" ] || fail "it is still mounted"
nobody_can_read
as_user "keyctl show @u" >shown
! grep fscrypt shown || fail "the key is still in his keyring"

echo "--- and again, after a mount"
umount "$SCRATCH_MNT"
mount_btrfs
work activate >/dev/null
[ "$(as_user "cat $home/new")" = contents ] || fail "other contents"
work deactivate >/dev/null
work remove >/dev/null
[ -z "$(ls "$SCRATCH_MNT")" ] || fail "something is left"
umount "$SCRATCH_MNT"
check_metadata
