#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The module's KUnit suites, which run when it is loaded.
# cmdline: kunit.enable=1 kunit.autorun=1
# module: no
# results: ktap
. harness.sh

dmesg --clear
modprobe fscrypt_extent
dmesg --notime
