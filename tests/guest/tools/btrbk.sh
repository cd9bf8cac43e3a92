#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrbk, as Debian has it, backs up an encrypted home to an encrypted directory of a second
# disk, with another key: in full, then what has changed, and thins out on both sides.
# vm: uml
. harness.sh
. encryption.sh

backup=$TEST_DIR/backup
start_encrypted
btrfs subvolume create "$encrypted/home"
mkdir "$encrypted/snapshots"
mkfs.btrfs -qf -O extent-fscrypt "$TEST_DEV"
mount "$TEST_DEV" "$TEST_DIR"
make_key other
mkdir "$backup"
other=$(SCRATCH_MNT=$TEST_DIR add_key other)
set_policy "$backup" "$other" -v 2

cat >btrbk.conf <<END
timestamp_format long-iso
lockfile $PWD/btrbk.lock
snapshot_preserve_min latest
target_preserve_min 2d
target_preserve no
volume $SCRATCH_MNT
  subvolume encrypted/home
    snapshot_dir encrypted/snapshots
    target $backup
END

# newest_in DIRECTORY: print the name of the last snapshot in it
newest_in() {
	find "$1" -mindepth 1 -maxdepth 1 -name 'home.*' -printf '%f\n' | sort | tail -n 1
}

for i in 1 2 3; do
	head -c 100k /dev/urandom >"$encrypted/home/file-$i"
	echo "$i" >>"$encrypted/home/log"
	mkdir -p "$encrypted/home/directory"
	mkfifo "$encrypted/home/directory/fifo-$i"
	btrbk -c btrbk.conf run
	newest=$(newest_in "$encrypted/snapshots")
	same_states "$encrypted/snapshots/$newest" "$backup/$newest" "backup $i is different"
	sleep 1.1
done
btrbk -c btrbk.conf list latest
[ "$(ls "$encrypted/snapshots")" = "$newest" ] || fail "snapshots were not thinned out"
[ "$(find "$backup"/* -maxdepth 0 | wc -l)" = 3 ] || fail "there are not three backups"
btrbk -q -c btrbk.conf run --override target_preserve_min=latest
[ "$(find "$backup"/* -maxdepth 0 | wc -l)" -le 2 ] || fail "backups were not thinned out"

echo "--- restored"
newest=$(newest_in "$backup")
btrfs send -q "$backup/$newest" | btrfs receive "$encrypted"
same_states "$encrypted/home" "$encrypted/$newest" "it comes back otherwise"
umount "$TEST_DIR"
verify_offline
