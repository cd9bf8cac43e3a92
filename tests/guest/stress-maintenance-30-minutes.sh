#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as stress-maintenance, for longer.
# long: yes
# timeout: 7200
# guest: own
STRESS_SECONDS=1800 exec "${0%/*}/stress-maintenance.sh"
