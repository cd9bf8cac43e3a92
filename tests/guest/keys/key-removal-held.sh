#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while a file isn't open, but mapped, or known to an io_uring:
# it stays readable and writable, and keeps the key from being absent.
. harness.sh
. encryption.sh

# tell WORD...: have held-file.py do that
tell() {
	local answer
	echo "$*" >&7
	read -r answer <&8 || fail "$holding failed to $*"
	echo "$holding: $*: $answer"
}

# overwrite OFFSET LENGTH VALUE: in the held file and in the other
overwrite() {
	tell write "$@"
	xfs_io -c "pwrite -q -S $3 $1 $2" expected
	tell compare expected
	drop_caches
	tell compare expected
}

mkfifo commands answers
for holding in mapping io_uring; do
	echo "--- $holding"
	start_encrypted
	head -c 1M /dev/urandom | tee expected >"$encrypted/file"
	echo contents >"$encrypted/other"
	drop_caches
	held-file.py $holding "$encrypted/file" <commands >answers &
	exec 7>commands 8<answers
	read -r _ <&8
	! find /proc/$!/fd -lname "$encrypted/file" | grep . || fail "it is open"

	tell write 5000 1000 1
	xfs_io -c 'pwrite -q -S 1 5000 1000' expected
	remove_busy_key "$main"
	expect_error 'Required key not available' cat "$encrypted/other"
	tell compare expected
	overwrite 6000 1000 2
	overwrite 500000 300000 3
	remove_busy_key "$main"
	tell write 1000 1000 4
	xfs_io -c 'pwrite -q -S 4 1000 1000' expected

	exec 7>&-
	wait
	remove_key "$main"
	remount
	cmp expected "$encrypted/file"
	verify_offline
done
