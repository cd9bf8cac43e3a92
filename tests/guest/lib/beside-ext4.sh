# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# To show that something is the same on btrfs as on ext4.  Sourced after encryption.sh.

# try COMMAND...: print the command, what it says, and its status
try() {
	local status=0
	echo "\$ $*"
	"$@" 2>&1 || status=$?
	echo "status $status"
}

# append PATH TEXT
append() {
	echo "$2" >>"$1"
}

# same_on_ext4 COMMAND...: run it where make_directories was called, on ext4 and on btrfs,
# and fail unless it prints the same.  Of what varies, such as a no-key name, only the
# length counts.  The btrfs is still mounted then.
same_on_ext4() {
	local type
	for type in ext4 btrfs; do
		if [ $type = ext4 ]; then
			new_ext4
		else
			umount "$SCRATCH_MNT"
			new_btrfs
		fi
		make_directories
		"$@" >shown
		sed "s,$SCRATCH_MNT/,,g" shown |
			perl -pe 's/[A-Za-z0-9_-]{22,}/"<" . length($&) . ">"/ge' >$type
	done
	cat btrfs
	diff ext4 btrfs || fail "not as on ext4"
}
