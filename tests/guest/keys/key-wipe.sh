#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the guest's memory has of a key, although freed memory isn't cleared.  While
# no file is in use: nothing of the extent PRK.  While files are open after the
# removal: nothing that is the master key's.  Once it is reported as absent: nothing.
# What SHA-512 and Poly1305 leave on the stack is printed only.
# On the stack, the SHA-512 in C, which User-mode Linux has, leaves HMAC states as well.
# vm: qemu
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 1200
# On ext4, for comparison: what is found after the removal of the key is no failure.
# variant: key-wipe-ext4 long=yes timeout=2400 vm= FILESYSTEM=ext4 POLICIES="2:1:4:0 2:9:9:0 2:5:6:0 2:9:9:4 1:9:9:4"
# Other ciphers: Adiantum, AES-128, and Adiantum with DIRECT_KEY.
# variant: key-wipe-modes long=yes timeout=1800 POLICIES="2:9:9:0 2:5:6:0 2:9:9:4 1:9:9:4"
# With authenticated contents, the keys of the tags, too.
# variant: key-wipe-authenticated long=yes timeout=1200 POLICIES=2:1:4:128
# When blk-crypto-fallback has the keys.
# variant: key-wipe-inlinecrypt KEY_WIPE_MOUNT_OPTIONS=noatime,nodatasum,inlinecrypt POLICIES=2:1:4:0
. harness.sh
. encryption.sh
. secrets.sh

filesystem=${FILESYSTEM:-btrfs}
mount_options=${KEY_WIPE_MOUNT_OPTIONS:-noatime}
# VERSION:CONTENTS:NAMES:FLAGS of each
read -ra policies <<<"${POLICIES:-2:1:4:0 1:1:4:0}"

# follow_key POLICY
follow_key() {
	local policy=$1 version contents names flags present extents=extent nonces=() descriptor=()
	IFS=: read -r version contents names flags <<<"$policy"
	if [ "$filesystem" = btrfs ]; then
		new_btrfs
	else
		new_ext4
	fi
	if [ "$version" = 2 ]; then
		present="master: PRK: HMAC state"
	else
		present="master: key"
		descriptor=(0123456789abcdef)
	fi
	head -c 64 /dev/urandom >"$OUT/complement"
	rm -f added
	add-wiped-key.py "$OUT/complement" "$SCRATCH_MNT" "${descriptor[@]}" \
		<client >added &
	exec 7>client
	until [ -s added ]; do
		sleep 0.1
	done
	main=$(<added)
	if [ "$version" = 2 ]; then
		search "added by a client that still has it"
		expect_found "master: key"
	fi
	exec 7>&-
	wait

	mkdir "$encrypted"
	set_policy "$encrypted" "$main" -v "$version" -c "$contents" -n "$names" -f "$flags"
	head -c 64k /dev/urandom >"$encrypted/file"
	# More extents than there are ciphers, so that these get other keys
	for ((i = 0; i < 200; i++)); do
		head -c 8k /dev/urandom >"$encrypted/$i"
	done
	sync
	nonces=(names:"$(nonce_of "$encrypted")")
	if [ "$filesystem" = btrfs ]; then
		nonces+=(extent:"$(extent_nonce_of "$encrypted/file")")
	else
		nonces+=(contents:"$(nonce_of "$encrypted/file")")
	fi
	drop_caches
	search "present, no file in memory"
	expect_found "$present"
	expect_none extent-prk
	expect_none extent
	expect_none tags

	exec 5<"$encrypted/file"
	cat <&5 >/dev/null
	search "present"
	expect_found "$present"
	if [ "$filesystem" = btrfs ]; then
		[ "$flags" != 4 ] || extents=mode
		[ "$flags" != 128 ] || expect_found "tags: expanded"
		# v1's DIRECT_KEY takes the master key itself and derives no PRK.
		[ "$policy" = 1:9:9:4 ] || expect_found "extent-prk: HMAC state"
		expect_found "$extents: "{key,expanded}
	fi

	remove_busy_key "$main"
	search "incompletely removed"
	expect_none master

	exec 5<&-
	remove_key "$main"
	search "absent"
	expect_none ""
	umount "$SCRATCH_MNT"
}

mkfifo client
for policy in "${policies[@]}"; do
	follow_key "$policy"
done
