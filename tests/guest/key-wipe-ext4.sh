#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as key-wipe on ext4, for comparison: what is found after the removal of
# the key is no failure.
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 2400
# long: yes
FILESYSTEM=ext4 POLICIES="2:1:4:0 2:9:9:0 2:5:6:0 2:9:9:4 1:9:9:4" exec "${0%/*}/key-wipe.sh"
