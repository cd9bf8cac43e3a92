#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A direct read gets good data although one copy is bad.  It must not repair that
# from the reader's own buffer: another thread may have written there meanwhile.
# That such a read itself can fail, as its checksum is wrong then, doesn't matter.
# dmesg: BTRFS (error|warning) .*(csum failed|errs: .* corrupt)
. harness.sh
. copies.sh

marker=SCRIBBLED-BY-A-READER
devices=("$SCRATCH_DEV" "$TEST_DEV")
start_encrypted --data raid1 --metadata raid1
for ((i = 0; i < 8; i++)); do
	head -c 64k /dev/urandom >>"$encrypted/file"
	sync "$encrypted/file"
done
cp "$encrypted/file" file
spoil_copies "$encrypted/file"
add_key main

cat >scribble.py <<'END'
import errno, mmap, os, subprocess, sys, threading

path, marker, readers = sys.argv[1], sys.argv[2].encode(), int(sys.argv[3])
good = open("file", "rb").read()
buffer = mmap.mmap(-1, len(good))
buffer[:] = bytes(len(good))
text = marker * (len(good) // len(marker))

def scribble():
    while True:
        buffer[: len(text)] = text

def read():
    fd = os.open(path, os.O_RDONLY | os.O_DIRECT)
    assert os.preadv(fd, [buffer], 0) == len(good)
    os.close(fd)

# Which copy is read depends on whether the process number is even.  A reader takes
# two of them, as it has a thread, so with this third they alternate.
for reader in range(readers):
    subprocess.run(["true"], check=True)
    if not os.fork():
        read()
        assert buffer[:] == good, "other data was read"
        thread = threading.Thread(target=scribble, daemon=True)
        thread.start()
        for _ in range(20):
            try:
                read()
            except OSError as error:
                assert error.errno == errno.EIO
        os._exit(0)
    if os.wait()[1]:
        sys.exit(f"reader {reader} failed")
print(f"{readers} readers got good data, then scribbled in their buffers")
END
python3 scribble.py "$encrypted/file" $marker 8
echo "$(bad_copies) of ${#spoilt[@]} copies are still bad"
umount "$SCRATCH_MNT"
expect_not_on_disks $marker
