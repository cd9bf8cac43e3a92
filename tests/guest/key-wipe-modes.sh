#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as key-wipe with other ciphers: Adiantum, AES-128, and Adiantum with
# DIRECT_KEY.
# vm: qemu
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 1800
# long: yes
POLICIES="2:9:9:0 2:5:6:0 2:9:9:4 1:9:9:4" exec "${0%/*}/key-wipe.sh"
