#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A virtual machine's disk is written with direct I/O from memory that changes meanwhile:
# what is read is what was there at some time, and never an error.
# vm: uml
# long: yes
# Memory that changes while a block is encrypted takes two CPUs.  Adiantum, which reads it
# twice, gets a copy.
# variant: changing-buffers-two-cpus vm=qemu VARIANTS="noatime:AES-256-XTS noatime:Adiantum noatime,nodatacow:Adiantum"
. harness.sh
. encryption.sh

# OPTIONS:MODE
xts=AES-256-XTS
default="noatime:$xts noatime,nodatacow:$xts noatime,inlinecrypt,nodatasum:$xts"
read -ra variants <<<"${VARIANTS-$default}"
for variant in "${variants[@]}"; do
	echo "--- $variant"
	mount_options=${variant%:*}
	new_btrfs
	make_directories "${modes[${variant#*:}]}"
	python3 - "$encrypted/disk" <<'END'
import mmap
import os
import random
import sys
import threading

BLOCK, BLOCKS = 4096, 256
memory = mmap.mmap(-1, BLOCK * BLOCKS)
stop = threading.Event()


def change():
    letter = 0
    while not stop.is_set():
        for number in range(BLOCKS):
            memory[number * BLOCK : (number + 1) * BLOCK] = bytes([letter % 256]) * BLOCK
        letter += 1


disk = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT | os.O_DIRECT, 0o600)
os.pwrite(disk, memory, 0)
thread = threading.Thread(target=change)
thread.start()
chooser = random.Random(1)
for _ in range(300):
    first = chooser.randrange(BLOCKS)
    count = chooser.randrange(1, min(64, BLOCKS - first + 1))
    part = memoryview(memory)[first * BLOCK : (first + count) * BLOCK]
    assert os.pwrite(disk, part, first * BLOCK) == len(part)
    part.release()
stop.set()
thread.join()
os.close(disk)
END
	drop_caches
	python3 - "$encrypted/disk" <<'END'
import sys

with open(sys.argv[1], "rb") as file:
    data = file.read()
assert len(data) == 256 * 4096
# A block has a few values one after the other, not noise.  Adiantum would have 16 bytes of
# that, at its end.
for at in range(0, len(data), 4096):
    block = data[at : at + 4096]
    changes = sum(a != b for a, b in zip(block, block[1:]))
    if changes > 8:
        sys.exit(f"{changes} changes in the block at {at}")
print("all blocks are what memory had")
END
	btrfs scrub start -B "$SCRATCH_MNT"
	verify_offline
done
