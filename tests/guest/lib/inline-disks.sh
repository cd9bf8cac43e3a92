# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Disks with inline encryption hardware, and who encrypts what.  Sourced after
# encryption.sh.

# make_inline_disks [PARAMETER=VALUE...]: make all of them the filesystem's devices
make_inline_disks() {
	local disk
	modprobe inline_disk "$@"
	devices=()
	for ((disk = 0; disk < $(inline_disks disks); disk++)); do
		devices+=("/dev/inline$disk")
	done
}

marker=THE-PLAINTEXT-MARKER

# markers KIB: print so much of what mustn't be on the disks
markers() {
	python3 -c 'import sys
text = sys.argv[1] + "\n"
sys.stdout.write((text * (int(sys.argv[2]) * 1024 // len(text) + 1))[: int(sys.argv[2]) * 1024])' \
		$marker "$1"
}

# markers_on DISK: how many inline DISK has
markers_on() {
	blockdev --flushbufs "${1}raw"
	occurrences.py $marker "${1}raw"
}

# inline_disks NAME: that counter of theirs
inline_disks() {
	cat "/sys/module/inline_disk/parameters/$1"
}

# inline_disks_are NAME NUMBER: fail unless that counter is so
inline_disks_are() {
	expect_number "inline disks: $1" "$(inline_disks "$1")" "$2"
}

# held_by NUMBER: how many keys the disk of that number has
held_by() {
	inline_disks held | cut -d ' ' -f $(($1 + 1))
}

# encrypted_by PATH: how many bios were encrypted by "engine", "fallback" or
# "hardware", in all modes
encrypted_by() {
	local name="blk-crypto $1 encrypted bios"
	[ "$1" != engine ] || name='encrypted bios'
	sum_of "$name"
}

# replace_inline_disk DISK: copy what the unmounted filesystem's only one holds to this
# disk, and mount that without hardware and inlinecrypt
replace_inline_disk() {
	btrfs device scan --forget
	dd if="${devices[0]}raw" of="$1" bs=1M conv=fsync status=none
	devices=("$1")
	# shellcheck disable=SC2034 # encryption.sh uses it
	mount_options=noatime
	mount_btrfs
}
