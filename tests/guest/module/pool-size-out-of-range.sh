#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With a pool_size that can't be, the module isn't loaded, and the log says why.
# module: no
. harness.sh

# refused SIZE MESSAGE
refused() {
	dmesg --clear
	expect_error 'Invalid argument' modprobe fscrypt_extent pool_size="$1"
	dmesg --notime
	dmesg --notime | grep -Fxq "fscrypt_extent: $2" || fail "pool_size=$1: '$2' is not in the log"
	! grep '^fscrypt_extent ' /proc/modules || fail "the module is loaded"
}

for size in 0 65536 4294967295; do
	refused $size "pool_size is $size, but must be 1 to 65535"
done
for size in -1 4294967296 many ''; do
	refused "$size" "\`$size' invalid for parameter \`pool_size'"
done
modprobe fscrypt_extent pool_size=1
modprobe -r fscrypt_extent
modprobe fscrypt_extent pool_size=65535
