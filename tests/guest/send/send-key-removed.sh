#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key that is removed during send stays for what is in use, and goes with it: send ends, with
# an error or not, nothing hangs, and then the key is gone.  So it is when send is killed, and
# when it is the key that receive needs.  What was received up to there can be deleted.
# vm: uml
# dmesg: BTRFS error .*send: root [0-9]+ inode [0-9]+ is encrypted and its key is not available
. harness.sh
. encryption.sh

received=$SCRATCH_MNT/received
mount_options+=,compress-force=zstd
start_encrypted
btrfs subvolume create "$encrypted/source" "$received"
for i in $(seq 300); do
	mkdir "$encrypted/source/directory-$i"
	# of 4 blocks, 3 if they are compressed
	head -c 12000 /dev/urandom | base64 -w 0 >"$encrypted/source/directory-$i/file"
done
btrfs subvolume snapshot -r "$encrypted/source" "$encrypted/snapshot"
make_key other
other=$(add_key other)
mkdir "$received/encrypted"
set_policy "$received/encrypted" "$other" -v 2

# start_send OPTION...: to a pipe that nobody reads from for now
start_send() {
	drop_caches
	rm -f pipe
	mkfifo pipe
	btrfs send -q "$@" "$encrypted/snapshot" >pipe 2>said &
	sender=$!
	exec 3<pipe
	head -c 100k <&3 >begin
	# until all pipes are full
	sleep 3
}

for option in "" --compressed-data; do
	echo "--- removed: ${option:-no option}"
	start_send $option
	remove_busy_key "$main"
	cat <&3 >>begin
	exec 3<&-
	! wait $sender || fail "send went on without the key"
	cat said
	grep -q 'Required key not available' said
	remove_key "$main"
	btrfs receive -q -f begin "$received" 2>&1 | tee said || true
	[ "$(find "$received/snapshot" -type f | wc -l)" -gt 5 ] || fail "nothing was received"
	btrfs subvolume delete "$received/snapshot"
	add_key main
done

echo "--- killed"
start_send
remove_busy_key "$main"
kill -KILL $sender
wait $sender || true
exec 3<&-
remove_key "$main"

echo "--- read again while it is used"
add_key main
start_send
remove_busy_key "$main"
add_key main
cat <&3 >>begin
exec 3<&-
wait $sender
btrfs receive -q -f begin "$received"
same_trees "$encrypted/snapshot" "$received/snapshot" "with the key added again"
btrfs subvolume delete "$received/snapshot"

echo "--- that of the receiver"
btrfs send -q -f stream "$encrypted/snapshot"
# slowly: the stream, of which the second half has to wait
slowly() {
	head -c 1500k stream
	while [ ! -e removed ]; do
		sleep 0.1
	done
	tail -c +$((1500 * 1024 + 1)) stream || true
}
slowly | btrfs receive -q "$received/encrypted" 2>said &
receiver=$!
while [ ! -e "$received/encrypted/snapshot/directory-50" ]; do
	sleep 0.1
done
remove_busy_key "$other"
touch removed
! wait $receiver || fail "receive went on without the key"
cat said
# What was opened before is there, and no name can be found any more.
grep -E 'Required key not available|No such file or directory' said
remove_key "$other"
add_key other
btrfs subvolume delete "$received"/encrypted/*
remove_key "$other"
verify_offline
