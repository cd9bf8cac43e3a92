#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# On RAID10, data is there without one disk, and is rebuilt without the key.
# dmesg: BTRFS (error|warning) .*(missing|dev_replace)
. harness.sh
. lost-device.sh

survive_loss raid10 raid1
