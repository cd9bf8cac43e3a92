#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as key-wipe on ext4, for comparison: what is found after the removal of
# the key is no failure.
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 600
# long: yes
FILESYSTEM=ext4 exec "${0%/*}/key-wipe.sh"
