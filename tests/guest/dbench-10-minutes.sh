#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as dbench, for longer.
# long: yes
# timeout: 1200
STRESS_SECONDS=600 exec "${0%/*}/dbench.sh"
