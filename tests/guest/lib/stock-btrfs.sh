# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# The unpatched btrfs instead of ours.  Sourced by tests with "module: no" and
# "kernel: normal".

# swap_btrfs COMMAND...: have that load another btrfs.ko.  rmmod leaves what either needs.
swap_btrfs() {
	rmmod btrfs
	"$@"
}
