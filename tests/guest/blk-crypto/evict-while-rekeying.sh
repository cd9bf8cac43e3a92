#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, a key is removed while slots that have keys of its extents are just
# getting others: that waits until the old ones were evicted.  A device is removed, and a
# filesystem unmounted, that have keys: no key is evicted from a device that was closed.
. harness.sh
. encryption.sh
. inline-disks.sh
. stacks.sh

delay=/sys/module/inline_disk/parameters/evict_delay_ms

# fill_keyslots NUMBER FILE...: read files until both keys of the disk of that number are
# set
fill_keyslots() {
	local disk=$1 file there=() before
	shift
	for file; do
		before=$(held_by "$disk")
		direct_dd if="$file" of=/dev/null bs=64k
		if [ "$(held_by "$disk")" -gt "$before" ]; then
			there+=("$file")
		fi
		[ ${#there[@]} -lt 2 ] || break
	done
	for file in "${there[@]}"; do
		direct_dd if="$file" of=/dev/null bs=64k
	done
	echo "inline disks: held: $(inline_disks held)"
	[ "$(held_by "$disk")" = 2 ] || fail "inline$disk doesn't have both keys"
}

# read_two: the same for files that are all on the first disk
read_two() {
	local file
	for file in "$encrypted"/{1,2}; do
		direct_dd if="$file" of=/dev/null bs=64k
	done
	[ "$(held_by 0)" = 2 ] || fail "inline0 doesn't have both keys"
}

# while_reading FILE COMMAND...: run it, and read the file as soon as the first key is being
# evicted; that must be over after the command, as must all other evictions
while_reading() {
	local file=$1 reader
	shift
	echo 700 >$delay
	python3 - "$file" <<-'EOF' &
		import mmap, os, sys
		memory = mmap.mmap(-1, 65536)
		memory[:] = b"x" * len(memory)
		file = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECT)
		def evicted():
		    with open("/sys/module/inline_disk/parameters/evicted") as counter:
		        return int(counter.read())
		before = evicted()
		open("polling", "w").close()
		while evicted() == before:
		    pass
		os.readv(file, [memory])
	EOF
	reader=$!
	until [ -e polling ]; do
		sleep 0.1
	done
	rm polling
	"$@"
	inline_disks_are evicting 0
	echo 0 >$delay
	ended "a read meanwhile" $reader
	sleep 2
	inline_disks_are late 0
	inline_disks_are stale 0
}

load_engine 2
make_inline_disks disks=4 megabytes=256 keyslots=8
all=("${devices[@]}")
mount_options=noatime,nodatasum,inlinecrypt

echo "--- a device is removed"
devices=("${all[@]:0:3}")
start_encrypted --data raid0 --metadata raid1
for i in {1..30}; do
	head -c 64k /dev/urandom >"$encrypted/$i"
done
sync
sha256sum "$encrypted"/* >"$OUT/sums"
fill_keyslots 2 "$encrypted"/*
while_reading "$encrypted/1" btrfs device remove "${all[2]}" "$SCRATCH_MNT"
[ "$(held_by 2)" = 0 ] || fail "the device that was removed has keys"
sha256sum --quiet -c "$OUT/sums"
umount "$SCRATCH_MNT"
inline_disks_are held "0 0 0 0"

echo "--- a key is removed, while a file of another one is read"
devices=("${all[0]}")
start_encrypted
make_key other
other=$(add_key other)
mkdir "$SCRATCH_MNT/other"
set_policy "$SCRATCH_MNT/other" "$other" -v 2
for file in "$encrypted"/{1..4} "$SCRATCH_MNT/other/1"; do
	head -c 64k /dev/urandom >"$file"
done
sync
read_two
while_reading "$SCRATCH_MNT/other/1" remove_key "$main"

echo "--- it is unmounted"
add_key main
read_two
umount "$SCRATCH_MNT"
inline_disks_are held "0 0 0 0"
inline_disks_are late 0
inline_disks_are stale 0
modprobe -r inline_disk fscrypt_extent
