# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A directory with a file for each shape that matters to an encrypted
# filesystem.  Sourced by the tests that compare such a tree.

# make_tree DIRECTORY SEED: fill a new directory
make_tree() {
	mkdir -p "$1"
	python3 - "$1" "$2" <<'END'
import mmap, os, random, sys
os.chdir(sys.argv[1])
random.seed(int(sys.argv[2]))
MIB = 1 << 20

def open_new(name, flags=0):
    return os.open(name, os.O_RDWR | os.O_CREAT | flags, 0o600)

def write_direct(name, data, offset):
    pages = mmap.mmap(-1, len(data))
    pages[:] = data
    os.pwritev(open_new(name, os.O_DIRECT), [pages], offset)

text = b"Compression finds something to do here, in every mode. " * 6000
for size in 0, 1, 15, 16, 17, 4095, 4096, 4097, 300000:
    with open(f"size-{size}", "wb") as file:
        file.write(random.randbytes(size))
with open("text", "wb") as file:
    file.write(text)
fd = open_new("overwritten")
os.pwrite(fd, random.randbytes(MIB), 0)
os.fsync(fd)
os.pwrite(fd, random.randbytes(100000), 300001)
os.fsync(fd)
os.pwrite(fd, text[:200000], 500003)
fd = open_new("sparse")
for offset in 5, 70000, MIB, 3 * MIB + 4095:
    os.pwrite(fd, random.randbytes(5000), offset)
os.ftruncate(fd, 5 * MIB + 1)
fd = open_new("allocated")
os.posix_fallocate(fd, 0, 2 * MIB)
os.fsync(fd)
os.pwrite(fd, random.randbytes(50000), 12345)
os.pwrite(fd, random.randbytes(100000), MIB)
fd = open_new("truncated")
os.pwrite(fd, random.randbytes(200000), 0)
os.fsync(fd)
os.ftruncate(fd, 100001)
os.fsync(fd)
os.ftruncate(fd, 150000)
write_direct("direct", random.randbytes(MIB), 0)
write_direct("direct", random.randbytes(65536), 8192 + MIB)
write_direct("direct", random.randbytes(4096), 12288)
os.link("direct", "hard-link")
os.mkdir("directory")
os.mkfifo("directory/fifo")
for length in 1, 15, 16, 17, 64, 255:
    with open("directory/" + "n" * length, "wb") as file:
        file.write(b"%d" % length)
for length in 1, 16, 500, 3800:
    os.symlink("t" * length, f"directory/link-{length}")
END
}
