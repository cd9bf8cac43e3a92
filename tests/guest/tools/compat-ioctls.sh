#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A program of 32 bits gets the same from each encryption ioctl as one of 64 bits.
# User-mode Linux runs none of 32 bits.
# vm: qemu
. harness.sh
. encryption.sh

new_btrfs
for bits in 32 64; do
	# Debian's headers for 64 bits serve both.
	offline clang -m$bits -Wall -Werror -Os -static -ffreestanding -nostdlib -fno-stack-protector \
		-isystem "$BUILD/linux/tools/include/nolibc" -include nolibc.h \
		-isystem /usr/include/x86_64-linux-gnu \
		-o "$OUT/compat-ioctls-$bits" tests/guest/lib/compat-ioctls.c
	mkdir "$SCRATCH_MNT/$bits"
	"$OUT/compat-ioctls-$bits" "$SCRATCH_MNT/$bits" >$bits
done
file "$OUT"/compat-ioctls-* | tee files
grep -q 'compat-ioctls-32: ELF 32-bit' files || fail "not a program of 32 bits"
cat 32
diff 32 64 || fail "not as with 64 bits"
for what in 'add key' 'set policy' 'get policy' 'get nonce' 'get flags' 'set flags' \
	'get flags again' 'status of the key' 'remove key' 'remove key for all users'; do
	grep -q "^$what: 0, " 32 || fail "$what failed"
done
