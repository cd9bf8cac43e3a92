#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each option of fscryptctl set_policy: what it sets is what get_policy shows and
# how files are encrypted; what can't work is refused, and the kernel's log says
# why.
. harness.sh
. encryption.sh
. file-tree.sh

command -v fscryptctl || skip "no fscryptctl: build github.com/google/fscryptctl and give its directory as GUEST_BIN"

# applies LINES OPTION...: fail unless get_policy shows these lines, separated by
# semicolons, for a new $directory that got a policy with the options
applies() {
	local lines=$1 line
	shift
	echo "--- $*"
	directory=$SCRATCH_MNT/applies-$((++count))
	mkdir "$directory"
	fscryptctl set_policy "$@" "$main" "$directory"
	echo contents >"$directory/file"
	fscryptctl get_policy "$directory" | tee shown
	while IFS= read -r line; do
		grep -qx "	$line" shown || fail "get_policy doesn't show '$line'"
	done < <(tr ';' '\n' <<<"$lines")
}

# refused LOG OPTION...: fail unless set_policy refuses these, and says that in
# the kernel's log
refused() {
	local log=$1
	shift
	echo "--- $*"
	dmesg -C
	expect_error 'invalid encryption options provided' \
		fscryptctl set_policy "$@" "$main" "$plain"
	dmesg | tee log
	grep -q "$log" log || fail "the kernel's log doesn't say '$log'"
	expect_error 'file or directory not encrypted' fscryptctl get_policy "$plain"
}

count=0
new_btrfs
make_key main
main=$(fscryptctl add_key "$SCRATCH_MNT" <"$OUT/main.key")
mkdir "$plain"

applies "Policy version: 2;Contents encryption mode: AES-256-XTS;Filenames encryption mode: AES-256-CTS;Flags: PAD_32;Data unit size: default"
for padding in 4 8 16 32; do
	applies "Flags: PAD_$padding" --padding=$padding
done
for modes in AES-256-XTS:AES-256-CTS AES-256-XTS:AES-256-HCTR2 \
	AES-128-CBC:AES-128-CTS SM4-XTS:SM4-CTS Adiantum:Adiantum; do
	applies "Contents encryption mode: ${modes%:*};Filenames encryption mode: ${modes#*:}" \
		--contents="${modes%:*}" --filenames="${modes#*:}"
	make_tree "$directory/tree" 1
done
applies "Flags: PAD_32, DIRECT_KEY" --contents=Adiantum --filenames=Adiantum --direct-key
make_tree "$directory/tree" 2
for size in 512 1024 2048 4096; do
	applies "Data unit size: $size" --data-unit-size=$size
	make_tree "$directory/tree" 3
done

refused IV_INO_LBLK_64 --iv-ino-lblk-64
refused IV_INO_LBLK_32 --iv-ino-lblk-32
refused 'Direct key flag not allowed' --direct-key
refused 'log2_data_unit_size' --data-unit-size=256
refused 'log2_data_unit_size' --data-unit-size=8192
refused 'encryption modes' --contents=AES-256-XTS --filenames=Adiantum

verify_offline
for mode in Aes256Xts Aes128CbcEssiv Sm4Xts Adiantum; do
	at_least 10 "encrypted extents, mode $mode"
done
at_least 15 "encrypted directories"
