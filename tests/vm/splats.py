# SPDX-License-Identifier: GPL-2.0-only
"""What no kernel may say, in whatever state a filesystem is."""

import re

SPLAT = re.compile(
    r"WARNING: |\bBUG: |kernel BUG at|KASAN: |UBSAN: |KCSAN: |KFENCE: "
    r"|Kernel panic|Oops: |general protection fault|Unable to handle kernel"
    r"|possible recursive locking|circular locking dependency"
    r"|inconsistent lock state|suspicious RCU usage|possible irq lock inversion"
    r"|INFO: task .* blocked for more than|INFO: rcu.*detected.*stall"
    r"|soft lockup|hard LOCKUP|held lock freed|lock held when returning"
    r"|rust_kernel: panicked|ASSERTION FAILED|kmemleak: [0-9]+ new suspected"
    r"|BTRFS: (state|buffer) leak")
