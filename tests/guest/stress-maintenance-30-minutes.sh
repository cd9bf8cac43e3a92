#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# long: yes
# timeout: 7200
# guest: own
# stress-maintenance, for longer.
STRESS_SECONDS=1800 exec "${0%/*}/stress-maintenance.sh"
