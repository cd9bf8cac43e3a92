#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as stats for what blk-crypto does, with the keys of a device.
# module: no
STATS_MOUNT_OPTIONS=noatime,nodatasum,inlinecrypt STATS_CACHE="blk-crypto " \
	STATS_IO="blk-crypto fallback " STATS_BUSY=busy STATS_ONE_CACHE=1 exec "${0%/*}/stats.sh"
