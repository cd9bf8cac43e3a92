#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Verity is refused for encrypted files, and works on plain ones.
# vm: uml
. harness.sh
. encryption.sh

start_encrypted
in_both cp "$0" file
sync
cat >enable-verity.py <<'END'
import fcntl, os, struct, sys
import kernel
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), kernel.ENABLE_VERITY,
            struct.pack("=LLLLQLLQ88x", 1, 1, 4096, 0, 0, 0, 0, 0))
END
python3 enable-verity.py "$plain/file"
expect_error 'Operation not supported' python3 enable-verity.py "$encrypted/file"
cmp "$0" "$encrypted/file"
verify_offline
