#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Data, metadata or a quota is used up: encrypted files give the errors that plain ones
# give, nothing that was written is wrong, the key can be removed and added, and when
# files are deleted, all works again.
# long: yes
# vm: uml
# timeout: 1800
# variant: no-space-authenticated POLICY_FLAGS=0x82
. harness.sh
. encryption.sh

# Plain files are as large on disk as encrypted ones.
mount_options=noatime,max_inline=0

# limit WHAT: leave little space of that kind
limit() {
	case $1 in
	metadata)
		# Else chunks for it would be made of what data doesn't need.
		fallocate -l 150M "$SCRATCH_MNT/room"
		while fallocate -l 1M "$SCRATCH_MNT/room.$((room++))" 2>/dev/null; do :; done
		;;
	quota)
		btrfs quota enable "$SCRATCH_MNT"
		btrfs qgroup limit 40M "$SCRATCH_MNT"
		;;
	esac
}

# full WHAT DIRECTORY: use it up there, and leave the errors in errors.DIRECTORY
full() {
	local room=0 fill=$1
	[ "$1" != quota ] || fill=data
	echo "--- $1, ${2##*/}"
	start_encrypted -b 256M -n 4096 -m single
	limit "$1"
	no-space.py fill "$fill" "$2" | tee "errors.${2##*/}"
	if [ "$2" = "$encrypted" ]; then
		remove_key "$main"
		add_key main
	fi
	remount
	rm -f "$SCRATCH_MNT"/room*
	no-space.py recover "$2"
	verify_offline >/dev/null
}

for what in data metadata quota; do
	full $what "$plain"
	full $what "$encrypted"
	[[ -s errors.plain && -s errors.encrypted ]] || fail "there is space"
	# Where there are more, plain files give them, too.
	! grep -vxFf errors.plain errors.encrypted || fail "plain files don't give these errors"
done
