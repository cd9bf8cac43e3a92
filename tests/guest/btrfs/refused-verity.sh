#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Encoded I/O, which knows nothing of encryption, and verity are refused for
# encrypted files, and work on plain ones.
. harness.sh
. encryption.sh

start_encrypted
for file in read written verity; do
	in_both cp "$0" $file
done
sync
cat >ioctls.py <<'END'
import ctypes, fcntl, os, struct, sys

ENCODED_READ, ENCODED_WRITE, ENABLE_VERITY = 0x80809440, 0x40809440, 0x40806685
ZSTD = 2

def encoded(buffer_size, length, compression):
    buffer = ctypes.create_string_buffer(buffer_size)
    iovec = ctypes.create_string_buffer(struct.pack("QQ", ctypes.addressof(buffer), buffer_size))
    alive.extend((buffer, iovec))
    return struct.pack("=QQqQQQQLL64x", ctypes.addressof(iovec), 1, 0, 0, length,
                       length, 0, compression, 0)

alive = []
verity = struct.pack("=LLLLQLLQ88x", 1, 1, 4096, 0, 0, 0, 0, 0)
directory, expected = sys.argv[1:]
for file, request, argument, flags in (
    ("read", ENCODED_READ, encoded(1 << 17, 0, 0), os.O_RDONLY),
    ("written", ENCODED_WRITE, encoded(4096, 8192, ZSTD), os.O_RDWR),
    ("verity", ENABLE_VERITY, verity, os.O_RDONLY),
):
    fd = os.open(f"{directory}/{file}", flags)
    try:
        fcntl.ioctl(fd, request, bytearray(argument))
        result = "works"
    except OSError as error:
        result = error.strerror
    os.close(fd)
    print(f"{directory}/{file}: {result}")
    assert result == expected
END
python3 ioctls.py "$plain" works
python3 ioctls.py "$encrypted" "Operation not supported"
# That was no Zstandard.
rm "$plain/written"
for file in read written verity; do
	cmp "$0" "$encrypted/$file"
done
verify_offline
