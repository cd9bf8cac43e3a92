#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# While the module is missing, modprobe is run for each key, policy and mount, which
# may be followed by files that need it, but for the first open only: else any user
# could have the kernel start a process with each open.
# module: no
. harness.sh
. encryption.sh

# What the kernel runs as modprobe counts, and does what the file "answer" says.
cat >modprobe <<END
#!/bin/sh
echo "\$*" >>$PWD/requests
exec \$(cat $PWD/answer) "\$@"
END
chmod +x modprobe
: >requests

requests=0
# expect_requests COUNT WHEN: fail unless there were so many more
expect_requests() {
	local now
	now=$(grep -c 'fscrypt-extent$' requests || true)
	echo "$((now - requests)) requests $2"
	[ $((now - requests)) = "$1" ] || fail "$((now - requests)) requests $2 instead of $1"
	requests=$now
}

# opens COUNT: by an ordinary user
opens() {
	as fsgqa python3 - "$1" "$encrypted/file" <<'END'
import errno, os, sys
for _ in range(int(sys.argv[1])):
    try:
        os.open(sys.argv[2], os.O_RDONLY)
        sys.exit("the file could be opened")
    except OSError as error:
        if error.errno != errno.ENOPKG:
            sys.exit(f"not ENOPKG: {error}")
END
}

modprobe fscrypt_extent
start_encrypted
echo contents >"$encrypted/file"
umount "$SCRATCH_MNT"
modprobe -r fscrypt_extent
real=$(</proc/sys/kernel/modprobe)
echo /bin/false >answer
echo "$PWD/modprobe" >/proc/sys/kernel/modprobe

mount_btrfs
expect_requests 1 "by a mount"
add_key main
expect_requests 1 "by a key"
opens 1000
expect_requests 1 "by 1000 opens"
mkdir "$SCRATCH_MNT/new"
expect_error 'Package not installed' set_policy "$SCRATCH_MNT/new" "$main" -v 2
expect_requests 1 "by a policy"
opens 100
expect_requests 0 "by 100 more opens"

# From here on, the module can be had.
echo "$real" >answer
expect_error 'Package not installed' cat "$encrypted/file"
expect_requests 0 "by another"
add_key main
expect_requests 1 "by the key when the module is there"
[ "$(<"$encrypted/file")" = contents ] || fail "wrong contents"

# It may go while nothing needs it, and come back with an open.
drop_caches
modprobe -r fscrypt_extent
[ "$(<"$encrypted/file")" = contents ] || fail "wrong contents"
expect_requests 1 "by an open after the module was removed"
verify_offline
