#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# While the module can't be loaded, contents can't be had, and one line of the
# kernel log says so; names can be listed, made and removed.  When it can be,
# everything works without a new mount.
# module: no
. harness.sh
. encryption.sh

complaints() {
	dmesg | grep -c 'fscrypt.*engine' || true
}

modprobe fscrypt_extent
start_encrypted
echo contents >"$encrypted/file"
touch "$encrypted/deleted" "$encrypted/renamed"
mkdir "$encrypted/directory"
ln -s target "$encrypted/symlink"
umount "$SCRATCH_MNT"
modprobe -r fscrypt_extent
modprobe=$(</proc/sys/kernel/modprobe)
echo /bin/false >/proc/sys/kernel/modprobe

before=$(complaints)
mount_btrfs
add_key main
mkdir "$SCRATCH_MNT/new"
for ((i = 0; i < 3; i++)); do
	expect_error 'Package not installed' set_policy "$SCRATCH_MNT/new" "$main" -v 2
	expect_error 'Package not installed' cat "$encrypted/file"
	expect_error 'Package not installed' touch "$encrypted/created"
	expect_error 'Package not installed' truncate -s 1 "$encrypted/file"
done
dmesg | grep 'fscrypt.*engine'
complaints=$(($(complaints) - before))
[ "$complaints" = 1 ] || fail "$complaints lines in the kernel's log instead of 1"

rm "$encrypted/deleted"
mv "$encrypted/renamed" "$encrypted/directory/new name"
ln "$encrypted/file" "$encrypted/link"
mkdir "$encrypted/directory/below"
[ "$(readlink "$encrypted/symlink")" = target ] || fail "wrong symlink"
(cd "$encrypted" && find . | sort) | tee found
diff found - <<'END'
.
./directory
./directory/below
./directory/new name
./file
./link
./symlink
END

# From here on the kernel finds it by itself.
echo "$modprobe" >/proc/sys/kernel/modprobe
set_policy "$SCRATCH_MNT/new" "$main" -v 2
grep fscrypt_extent /proc/modules
[ "$(<"$encrypted/link")" = contents ] || fail "wrong contents"
touch "$encrypted/created"
truncate -s 1 "$encrypted/file"
verify_offline
