#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian's fscrypt, which knows nothing of this module: protectors, lock, unlock,
# purge, for root and for an ordinary user, and each kind of policy that it can
# make.
. harness.sh
. encryption.sh

conf=/etc/fscrypt.conf

# configure OLD NEW: replace it in fscrypt's configuration
configure() {
	sed -i "s/$1/$2/" $conf
	grep "$2" $conf || fail "the configuration has no $1"
}

# encrypt DIRECTORY [OPTION...]: with the raw key
encrypt() {
	mkdir "$1"
	fscrypt encrypt "$1" --quiet --source=raw_key --name="${1##*/}" --key="$OUT/raw.key" \
		"${@:2}"
}

# is_unlocked DIRECTORY ANSWER: fail unless fscrypt status says that
is_unlocked() {
	fscrypt status "$1" | tee status
	grep -qx "Unlocked: $2" status || fail "$1 is not in the state $2"
}

# usable DIRECTORY: fail unless its file can be read
usable() {
	[ "$(<"$1/file")" = contents ] || fail "other contents in $1"
}

# locked DIRECTORY: fail unless names and contents can't be read
locked() {
	[ ! -e "$1/file" ] || fail "a name in $1 can be read"
	expect_error 'Required key not available' cat "$1"/*
}

rm -rf /.fscrypt $conf
fscrypt setup --quiet --force --time=1ms
new_btrfs
head -c 32 /dev/urandom >"$OUT/raw.key"
passphrase=$SCRATCH_MNT/passphrase raw=$SCRATCH_MNT/raw

echo "--- set up"
fscrypt setup --quiet --force --all-users "$SCRATCH_MNT"
fscrypt status | tee status
grep -q "^$SCRATCH_MNT  *btrfs  *supported  *Yes" status || fail "btrfs isn't supported"
mkdir "$passphrase"
fscrypt encrypt "$passphrase" --quiet --source=custom_passphrase --name=passphrase <<<secret
encrypt "$raw"
for directory in "$passphrase" "$raw"; do
	echo contents >"$directory/file"
	is_unlocked "$directory" Yes
done
fscrypt status "$SCRATCH_MNT" | tee status
grep -q 'btrfs filesystem .* has 2 protectors and 2 policies' status || fail "not two policies"
mkdir "$plain"
touch "$plain/file"
expect_error 'non-empty' fscrypt encrypt "$plain" --quiet --source=raw_key \
	--name=plain --key="$OUT/raw.key"
rm -r "$plain"

echo "--- lock and unlock"
exec 5<"$passphrase/file"
expect_error 'incompletely locked because some files are' fscrypt lock "$passphrase"
is_unlocked "$passphrase" 'Partially (incompletely locked)'
exec 5<&-
fscrypt lock "$passphrase" | grep 'is now locked'
is_unlocked "$passphrase" No
locked "$passphrase"
usable "$raw"
expect_error 'incorrect key provided' fscrypt unlock "$passphrase" --quiet <<<wrong
fscrypt unlock "$passphrase" --quiet <<<secret
usable "$passphrase"

echo "--- purge, and a new mount"
fscrypt purge --quiet --force "$SCRATCH_MNT"
locked "$passphrase"
locked "$raw"
umount "$SCRATCH_MNT"
mount_btrfs
fscrypt unlock "$passphrase" --quiet <<<secret
fscrypt unlock "$raw" --quiet --key="$OUT/raw.key"
usable "$passphrase"
usable "$raw"

echo "--- an ordinary user"
user=$SCRATCH_MNT/user
mkdir "$user"
chown fsgqa: "$user"
as fsgqa fscrypt encrypt "$user" --quiet --source=custom_passphrase --name=user <<<secret
as fsgqa sh -c "echo contents >$user/file"
as fsgqa fscrypt lock "$user"
locked "$user"
as fsgqa fscrypt unlock "$user" --quiet <<<secret
usable "$user"

echo "--- Adiantum, for which it sets DIRECT_KEY"
configure AES_256_XTS Adiantum
configure AES_256_CTS Adiantum
encrypt "$SCRATCH_MNT/adiantum"
xfs_io -r -c get_encpolicy "$SCRATCH_MNT/adiantum" | tee policy
grep -q 'Flags: 0x07' policy || fail "no DIRECT_KEY"
echo contents >"$SCRATCH_MNT/adiantum/file"

echo "--- v1 policies: the key in the user keyring, or in the filesystem's"
configure '"policy_version": "2"' '"policy_version": "1"'
# What a login does
keyctl link @u @s
encrypt "$SCRATCH_MNT/v1" --user=root
keyctl show @u | grep 'logon: fscrypt:'
configure '"use_fs_keyring_for_v1_policies": false' '"use_fs_keyring_for_v1_policies": true'
encrypt "$SCRATCH_MNT/v1-filesystem"
[ "$(keyctl show @u | grep -c logon)" = 1 ] || fail "another key in the user keyring"
for directory in "$SCRATCH_MNT/v1-filesystem" "$SCRATCH_MNT/v1"; do
	xfs_io -r -c get_encpolicy "$directory" | grep 'Master key descriptor'
	echo contents >"$directory/file"
	fscrypt lock "$directory" --user=root
	# fscrypt drops inodes only, and the kernel keeps those with cached pages, on
	# ext4 too.  Inodes with the filesystem's keyring would go anyway.
	drop_caches
	locked "$directory"
	fscrypt unlock "$directory" --quiet --user=root --key="$OUT/raw.key"
	usable "$directory"
	# To lock it, it has to know which keyring has the key.
	configure '"use_fs_keyring_for_v1_policies": true' '"use_fs_keyring_for_v1_policies": false'
done

drop_caches
for directory in "$passphrase" "$raw" "$user" "$SCRATCH_MNT"/{adiantum,v1,v1-filesystem}; do
	usable "$directory"
done
umount "$SCRATCH_MNT"
check_metadata
