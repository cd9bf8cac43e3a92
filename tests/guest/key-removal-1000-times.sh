#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as key-removal-after-close, which fails rarely if it does.
# long: yes
# timeout: 3600
ROUNDS=1000 exec "${0%/*}/key-removal-after-close.sh"
