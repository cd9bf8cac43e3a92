#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A compressed extent with references at several offsets, next to extents that
# are not compressed, is decrypted once and decompressed for each.
. harness.sh
. encryption.sh

mount_options=noatime,compress=zstd
start_encrypted
for directory in "$encrypted" "$plain"; do
	python3 - "$directory/file" <<'END'
import os, random, sys
random.seed(3)
text = b"".join(b"%07d " % n for n in range(1 << 14))
with open(sys.argv[1], "wb") as file:
    for _ in range(4):
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        file.write(random.randbytes(1 << 16))
        file.flush()
        os.fsync(file.fileno())
END
	xfs_io -c "reflink $directory/file 65536 1048576 65536" \
		-c "reflink $directory/file 4096 1200128 8192" \
		-c "reflink $directory/file 131072 1310720 32768" -c fsync "$directory/file"
done
for block in 4k 1M; do
	for directory in "$encrypted" "$plain"; do
		drop_caches
		dd if="$directory/file" of="${directory##*/}" bs="$block" status=none
	done
	cmp encrypted plain
	echo "$(stat -c %s encrypted) bytes are alike in blocks of $block"
	for directory in "$encrypted" "$plain"; do
		drop_caches
		direct_dd if="$directory/file" of="${directory##*/}" bs="$block"
	done
	cmp encrypted plain
	echo "and with direct I/O"
done
same_in_both
verify_offline
at_least 4 "encrypted extents, compression Zstd"
at_least 4 "encrypted extents, compression None"
