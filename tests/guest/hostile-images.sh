#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Not run by any make yet: it takes what plain btrfs does wrong with bad images for faults.
#
# Images with one thing changed, checksums right: whatever it is, the kernel says so or
# gets along, and nothing secret gets out.  See "Hostile images" in testing.rst.
# timeout: 600
# guest: own
# dmesg: BTRFS (critical|error)
# dmesg: WARNING: fs/btrfs/
. "${0%/*}/harness.sh"

exec python3 -B "${0%/*}/hostile/run.py" 0-199
