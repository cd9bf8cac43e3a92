#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A write that returned success before or after its key was removed is on disk
# after a sync, whichever way it was made; so it is there after a power cut.
. harness.sh
. encryption.sh

write_all_ways() {
	python3 - "$main" "$SCRATCH_MNT" "$encrypted" "$OUT/expected" <<'END_OF_SCRIPT'
import mmap, os, random, subprocess, sys

key, mount, encrypted, expected = sys.argv[1:]
SIZE = 1 << 20
BLOCK = 4096
generator = random.Random(1)

class File:
    def __init__(self, name):
        path = f"{encrypted}/{name}"
        way = os.path.basename(name)
        flags = {"direct": os.O_DIRECT, "appended": os.O_APPEND}.get(way, 0)
        self.name, self.data = name, bytearray(SIZE)
        self.fd = os.open(path, os.O_RDWR | os.O_CREAT | flags, 0o600)
        self.write = getattr(self, way)
        os.ftruncate(self.fd, SIZE)
        if way == "mapped":
            self.memory = mmap.mmap(self.fd, SIZE)

    def buffered(self, offset, data):
        assert os.pwrite(self.fd, data, offset) == len(data)
        self.data[offset : offset + len(data)] = data

    def mapped(self, offset, data):
        self.memory[offset : offset + len(data)] = data
        self.data[offset : offset + len(data)] = data

    def direct(self, offset, data):
        start = offset // BLOCK * BLOCK
        data = data[: len(data) // BLOCK * BLOCK]
        pages = mmap.mmap(-1, len(data))
        pages[:] = data
        assert os.pwritev(self.fd, [pages], start) == len(data)
        self.data[start : start + len(data)] = data

    def appended(self, offset, data):
        assert os.write(self.fd, data) == len(data)
        self.data += data

def write_some(files):
    for file in files:
        for _ in range(4):
            length = generator.randint(BLOCK, 128 << 10)
            file.write(generator.randrange(SIZE - length), generator.randbytes(length))

directories = "plain", "compressed", "nocow"
files = [File(f"{directory}/{way}") for directory in directories
         for way in ("buffered", "mapped", "direct", "appended")]
write_some(files)
said = subprocess.run(["xfs_io", "-c", f"rm_enckey {key}", mount], stdout=subprocess.PIPE,
                      check=True, text=True).stdout
print(said, end="")
assert "busy" in said
write_some(files)
for directory in directories:
    os.makedirs(f"{expected}/{directory}")
for file in files:
    with open(f"{expected}/{file.name}", "wb") as copy:
        copy.write(file.data)
END_OF_SCRIPT
}

if [ "$STAGE" = 1 ]; then
	start_encrypted
	mkdir "$encrypted/"{plain,compressed,nocow}
	chattr +c "$encrypted/compressed"
	chattr +C "$encrypted/nocow"
	write_all_ways
	echo "$main" >"$OUT/main.identifier"
	sync
	power_cut
fi
mount_btrfs
key_status "$(<"$OUT/main.identifier")" Absent
add_key main
diff -r "$OUT/expected" "$encrypted"
find "$encrypted" -type f | wc -l
verify_offline
