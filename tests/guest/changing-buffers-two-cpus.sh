#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The same as changing-buffers while a block is encrypted, which takes two CPUs.  Adiantum,
# which reads it twice, gets a copy.
# vm: qemu
# long: yes
VARIANTS="noatime:1-4 noatime:9-9 noatime,nodatacow:9-9" exec "${0%/*}/changing-buffers.sh"
