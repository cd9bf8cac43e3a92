#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Encoded reads and writes of encrypted files, by ioctl and io_uring, are those of plain ones:
# compressed plaintext, which is neither decompressed nor compressed on its way.
# vm: uml
# variant: encoded-io-authenticated vm=uml POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

cat >encoded-io.py <<'END'
import errno, os, subprocess, sys
import encoded
from io_uring import Ring

encrypted, plain, algorithm, mount_point, key = sys.argv[1:]
compression = {"ZLIB": encoded.ZLIB, "ZSTD": encoded.ZSTD, "LZO": encoded.LZO_4K}[algorithm]
ring = Ring()

def extents(directory, name, ring=None):
    found = []
    with open(f"{directory}/{name}", "rb") as file:
        size = os.fstat(file.fileno()).st_size
        offset = 0
        while offset < size:
            found.append(encoded.read(file.fileno(), offset, ring))
            assert found[-1][1].length > 0
            offset += found[-1][1].length
    return found

compressed = 0
for name in sorted(os.listdir(plain)):
    expected = extents(plain, name)
    for kind, got in (("ioctl", extents(encrypted, name)),
                      ("io_uring", extents(encrypted, name, ring))):
        assert got == expected, f"{name} by {kind}"
    compressed += sum(extent.compression == compression for _, extent in expected)

    # What was read is written again where it was, compressed as it is.
    for kind in (None, ring):
        path = f"{encrypted}/copy-{bool(kind)}-{name}"
        with open(path, "xb") as file:
            for data, extent in expected:
                if extent.compression:
                    assert encoded.write(file.fileno(), data, extent, kind) == len(data)
                else:
                    os.pwrite(file.fileno(), data, extent.offset)
            os.ftruncate(file.fileno(), os.path.getsize(f"{plain}/{name}"))
            os.fsync(file.fileno())
        with open(path, "rb") as copy, open(f"{plain}/{name}", "rb") as original:
            for data, extent in expected:
                if extent.compression:
                    got = encoded.read(copy.fileno(), extent.offset)
                    assert got == (data, extent), f"{got[1]} instead of {extent} in {path}"
            assert copy.read() == original.read(), f"{path} is different"
print(f"{compressed} compressed extents")
assert compressed >= 8

def error_of(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return None

with open(f"{encrypted}/text", "r+b") as file:
    fd = file.fileno()
    data, extent = encoded.read(fd, 0)
    for kind in (None, ring):
        # From the middle of a compressed extent
        assert encoded.read(fd, 8192, kind)[1].unencoded_offset == 8192
        assert error_of(encoded.read, fd, 0, kind, 16) == "ENOBUFS"
        assert error_of(encoded.write, fd, data, extent._replace(encryption=1), kind) == "EINVAL"
        assert error_of(encoded.write, fd, data, extent._replace(offset=1), kind) == "EINVAL"

    # What is open stays usable.
    subprocess.run(["xfs_io", "-c", f"rm_enckey {key}", mount_point], check=True)
    assert error_of(open, f"{encrypted}/all") == "ENOKEY"
    for kind in (None, ring):
        assert encoded.read(fd, 0, kind) == (data, extent)
        assert encoded.write(fd, data, extent, kind) == len(data)
        os.fsync(fd)
        assert encoded.read(fd, 0, kind) == (data, extent)
END

for algorithm in zlib zstd lzo; do
	echo "--- $algorithm"
	mount_options=noatime,max_inline=0,compress-force=$algorithm
	start_encrypted
	python3 -c 'import sys; sys.stdout.write("compressible " * 60000)' >text
	head -c 300k /dev/urandom >random
	in_both cp "$PWD/text" "$PWD/random" .
	in_both sh -c 'cat text random text >all; truncate -s 1M sparse; cat text >>sparse; echo x >small'
	sync
	in_both sh -c 'dd if=/dev/zero of=all bs=4k count=1 seek=5 conv=notrunc status=none'
	sync
	python3 encoded-io.py "$encrypted" "$plain" "${algorithm^^}" \
		"$SCRATCH_MNT" "$main"
	remove_key "$main"
	expect_error 'Required key not available' cat "$encrypted"/*
	add_key main >/dev/null
	verify_offline
	! mountpoint -q "$SCRATCH_MNT" || umount "$SCRATCH_MNT"
done
