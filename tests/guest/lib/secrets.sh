# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Looking for keys in the guest's memory.  Sourced after encryption.sh.
. items.sh

# search WHEN: look for the secrets in all of the memory, and print how often there are
# which.  Needs filesystem, policy, nonces and the complement of the key in $OUT: see
# find-secrets.py.
# shellcheck disable=SC2154 # the test sets them
search() {
	echo "--- $filesystem, policy $policy, $1"
	dump_ram "$OUT/ram"
	offline python3 tests/guest/lib/find-secrets.py "$policy" "$OUT/complement" \
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
	! grep "^[1-9][0-9]* $1" found | grep -Ev 'in (SHA-512|Poly1305)$' || fail "this is still there"
}

# nonce_of PATH: of a file or directory
nonce_of() {
	python3 -c '
import fcntl, kernel, os, sys
nonce = bytearray(16)
fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), kernel.GET_NONCE, nonce)
print(nonce.hex())' "$1"
}

# extent_nonce_of PATH: that of its first extent
extent_nonce_of() {
	offline corrupt-item --item "5:$(stat -c %i "$1"):$EXTENT_DATA:0" --show "$SCRATCH_DEV" |
		tail -n 1 | cut -c $((2 * EXTENT_NONCE_AT + 1))-$((2 * EXTENT_NONCE_AT + 32))
}
