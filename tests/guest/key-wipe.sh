#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# What the guest's memory has of a key, although freed memory isn't cleared.  While
# no file is in use: nothing of the extent root.  While files are open after the
# removal: nothing that is the master key's.  Once it is reported as absent: nothing.
# What SHA-512 itself leaves is printed only.
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 600
. "${0%/*}/harness.sh"
. "${0%/*}/encryption.sh"

filesystem=${FILESYSTEM:-btrfs}

# search WHEN: look for the secrets in all of the memory
search() {
	echo "--- $filesystem, v$policy_version, $1"
	dump_ram "$OUT/ram"
	offline python3 tests/guest/find-secrets.py "$policy_version" "$OUT/complement" \
		"$OUT/ram" "${nonces[@]}" | tee found
	rm "$OUT/ram"
}

# expect_found WHAT...: WHAT is how the line begins
expect_found() {
	local what
	for what in "$@"; do
		grep -q "^[1-9][0-9]* $what" found || fail "not found: $what"
	done
}

# expect_none WHAT: how the line begins
expect_none() {
	[ "$filesystem" = btrfs ] || return 0
	! grep "^[1-9][0-9]* $1" found | grep -v 'SHA-512$' || fail "this is still there"
}

# nonce_of PATH: of a file or directory
nonce_of() {
	python3 -c '
import fcntl, os, sys
FS_IOC_GET_ENCRYPTION_NONCE = 0x8010661B
nonce = bytearray(16)
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), FS_IOC_GET_ENCRYPTION_NONCE, nonce)
print(nonce.hex())' "$1"
}

# extent_nonce_of PATH: that of its first extent
extent_nonce_of() {
	offline corrupt-item --item "5:$(stat -c %i "$1"):108:0" --show "$SCRATCH_DEV" | tail -c 33
}

# follow_key POLICY_VERSION
follow_key() {
	local policy_version=$1 present nonces=() descriptor=()
	if [ "$filesystem" = btrfs ]; then
		new_btrfs
	else
		mkfs.ext4 -qF -O encrypt "$SCRATCH_DEV"
		mount "$SCRATCH_DEV" "$SCRATCH_MNT"
	fi
	if [ "$policy_version" = 2 ]; then
		present="master: PRK: HMAC state"
	else
		present="master: key"
		descriptor=(0123456789abcdef)
	fi
	head -c 64 /dev/urandom >"$OUT/complement"
	rm -f added
	python3 "${0%/*}/add-wiped-key.py" "$OUT/complement" "$SCRATCH_MNT" "${descriptor[@]}" \
		<client >added &
	exec 7>client
	until [ -s added ]; do
		sleep 0.1
	done
	main=$(<added)
	if [ "$policy_version" = 2 ]; then
		search "added by a client that still has it"
		expect_found "master: key"
	fi
	exec 7>&-
	wait

	mkdir "$encrypted"
	set_policy "$encrypted" "$main" -v "$policy_version"
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
	expect_none root
	expect_none extent

	exec 5<"$encrypted/file"
	cat <&5 >/dev/null
	search "present"
	expect_found "$present"
	if [ "$filesystem" = btrfs ]; then
		expect_found "root: HMAC state" "extent: "{key,expanded}
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
follow_key 2
if [ "$filesystem" = btrfs ]; then
	follow_key 1
fi
