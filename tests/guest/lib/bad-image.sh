# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A filesystem with one thing wrong, in a subvolume of its own: the rest must stay
# readable.  Sourced instead of encryption.sh.
#
# shellcheck disable=SC2034 # what is set here is for the tests
. encryption.sh
. items.sh

subvolume=$SCRATCH_MNT/subvolume
encrypted=$subvolume/encrypted
plain=$subvolume/plain

EXTENT_ITEM_SIZE=53
ENCRYPTED_EXTENT_ITEM_SIZE=74
INCOMPAT_EXTENT_FSCRYPT=56

# start_image: unmounted, with a file of one extent in each of both directories
start_image() {
	new_btrfs
	make_key main
	main=$(add_key main)
	echo readable >"$SCRATCH_MNT/elsewhere"
	btrfs subvolume create "$subvolume" >/dev/null
	mkdir "$encrypted" "$plain"
	set_policy "$encrypted" "$main" -v 2
	head -c 8k /dev/urandom >"$encrypted/file"
	head -c 8k /dev/urandom | tee good >"$encrypted/good"
	head -c 8k /dev/urandom >"$plain/file"
	sync
	tree=$(btrfs inspect-internal rootid "$subvolume")
	encrypted_inode=$(stat -c %i "$encrypted/file")
	plain_inode=$(stat -c %i "$plain/file")
	umount "$SCRATCH_MNT"
}

# spoil INODE TYPE ACTION...: do something to the item, as corrupt-item --help says
spoil() {
	echo "spoil: inode $1, item type $2: ${*:3}"
	offline corrupt-item --item "$tree:$1:$2:0" "${@:3}" "$SCRATCH_DEV"
}

# show INODE TYPE: the item's body in hexadecimal
show() {
	offline corrupt-item --item "$tree:$1:$2:0" --show "$SCRATCH_DEV"
}

# expect_unreadable COMMAND...: fail unless it can't get at what is in a bad leaf
expect_unreadable() {
	local output
	if output=$("$@" 2>&1); then
		fail "succeeded, but should have failed: $*"
	fi
	echo "$output"
	[[ $output == *"Input/output error"* || $output == *"Structure needs cleaning"* ]] ||
		fail "failed for another reason: $*"
}

# expect_rest_readable: outside of the subvolume
expect_rest_readable() {
	[ "$(<"$SCRATCH_MNT/elsewhere")" = readable ] || fail "a good file can't be read"
	echo written >"$SCRATCH_MNT/new"
	sync
	umount "$SCRATCH_MNT"
}

# expect_bad_leaf REGEX: the leaf with all of the subvolume is refused, and the
# kernel names the item like that
expect_bad_leaf() {
	mount_with_key
	expect_unreadable ls "$encrypted"
	expect_message "corrupt leaf: .*$1"
	expect_rest_readable
}
