#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# snapper, as Debian has it, on an encrypted subvolume: it makes snapshots, says what is
# different, which it asks send for, undoes it as far as it can, and thins out: all as on a
# plain one.
# vm: uml
. harness.sh
. encryption.sh

# use_snapper NAME: on $PWD/home, with a configuration of that name
use_snapper() {
	local home=$PWD/home i
	# snap COMMAND...
	snap() {
		snapper --no-dbus -c "$name" "$@"
	}
	name=$1
	btrfs subvolume create home
	snap create-config "$home"
	mkdir home/directory
	echo one >home/changed
	echo two >home/directory/removed
	ln -s target home/link
	snap create -d first
	echo more >>home/changed
	rm home/directory/removed
	head -c 100k /dev/urandom >home/directory/new
	mkfifo home/fifo
	ln -sf elsewhere home/link
	snap create -d second

	echo "--- $name: what is different"
	snap status 1..2
	# It takes the name that a new link has at first in a stream for one that is gone.
	snap status 1..2 | sed "s,$home,,; s,/o[0-9-]*\$,/orphan," >"$OUT/$name.status"
	snap diff 1..2 "$home/changed" | grep '^+more'

	echo "--- $name: undone"
	snap undochange 1..2
	(cd home && find . -path ./.snapshots -prune -o -printf '%p %y %l\n' | sort) >"$OUT/$name.undone"
	[ "$(<home/changed)" = one ] || fail "a change was not undone"
	[ "$(ls home/directory)" = removed ] || fail "a file was not brought back or removed"

	echo "--- $name: thinned out"
	for i in 3 4 5; do
		snap create -c number -d "number $i"
	done
	snap set-config NUMBER_LIMIT=1 NUMBER_MIN_AGE=0
	snap cleanup number
	snap delete 1
	snap list
	[ "$(ls home/.snapshots)" = $'2\n5' ] || fail "other snapshots were kept"
}

start_encrypted
(cd "$plain" && use_snapper plain)
(cd "$encrypted" && use_snapper encrypted)
diff "$OUT/plain.status" "$OUT/encrypted.status" || fail "it says something else than of plain files"
diff "$OUT/plain.undone" "$OUT/encrypted.undone" || fail "it undoes something else than for plain files"
grep -q '^-.* /directory/removed$' "$OUT/encrypted.status"

echo "--- locked"
umount "$SCRATCH_MNT"
mount_btrfs
expect_error "failed" snapper --no-dbus -c encrypted list
add_key main >/dev/null
snapper --no-dbus -c encrypted list
verify_offline
