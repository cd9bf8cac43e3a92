#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On RAID6, data is there without one disk, and is rebuilt without the key.
# dmesg: BTRFS (error|warning) .*(missing|dev_replace)
. "${0%/*}/harness.sh"
. "${0%/*}/lost-device.sh"

survive_loss raid6 raid1c3
