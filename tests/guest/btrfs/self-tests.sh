#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs's own tests, fs/btrfs/tests, with those of encrypted extent maps.  The module
# doesn't load if one fails.
# vm: uml
. harness.sh

modprobe -r fscrypt_extent btrfs
dmesg -C
time modprobe btrfs
dmesg | grep 'selftest:'
dmesg | grep -q 'selftest: running tests of encrypted extent maps'
