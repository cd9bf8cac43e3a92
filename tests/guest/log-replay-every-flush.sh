#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as log-replay-at-flushes, for all of them.
# long: yes
# timeout: 900
STEP=1 exec "${0%/*}/log-replay-at-flushes.sh"
