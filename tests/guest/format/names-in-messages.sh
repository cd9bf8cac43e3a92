#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# The kernel's log outlives keys: messages have no plaintext names of encrypted directories,
# whatever key is there.  Any name is escaped, so that it can't look like a message.
# dmesg: BTRFS (error|warning) .*(csum failed|[Cc]hecksum error|unable to fixup|errs: .* corrupt|scrub: |is not a subvolume|instead of)
. harness.sh
. copies.sh

directory=$encrypted/SECRET-NAME-OF-DIRECTORY
names=("$directory/SECRET-NAME-OF-FILE" "$directory/SECRET-NAME-OF-LINK"
	"$plain/public"$'\n'"BTRFS critical (device vdz): no message")
start_encrypted
mkdir "$directory"
btrfs subvolume create "$directory/SECRET-NAME-OF-SUBVOLUME" >/dev/null
id=$(btrfs inspect-internal rootid "$directory/SECRET-NAME-OF-SUBVOLUME")
head -c 64k /dev/urandom | tee "${names[0]}" >"${names[2]}"
ln "${names[0]}" "${names[1]}"
sync
inodes=()
blocks=()
for file in "${names[0]}" "${names[2]}"; do
	inodes+=("$(stat -c %i "$file")")
	read -r logical _ < <(extents "$file")
	read -r _ block _ < <(ends "$logical" 4096)
	blocks+=("$block")
done
umount "$SCRATCH_MNT"
for block in "${blocks[@]}"; do
	dd if=/dev/urandom of="$SCRATCH_DEV" bs=4k seek="$block" count=1 oflag=direct status=none
done

dmesg --clear
remount_unlocked() {
	mount_btrfs
	add_key main >/dev/null
	ls -lR "$encrypted" >/dev/null
}
remount_unlocked
for file in "${names[0]}" "${names[2]}"; do
	expect_error 'Input/output error' cat "$file"
done
run_expect 3 btrfs scrub start -B "$SCRATCH_MNT"
# Relocation reads the data, too.
expect_error 'Input/output error' btrfs balance start --full-balance "$SCRATCH_MNT"
# Without a lookup of the paths before
umount "$SCRATCH_MNT"
mount_btrfs
add_key main >/dev/null
run_expect 3 btrfs scrub start -B "$SCRATCH_MNT"
expect_error 'wrong fs type' mount -o "subvol=${directory#"$SCRATCH_MNT"}" "$SCRATCH_DEV" "$TEST_DIR"
expect_error 'wrong fs type' mount -o "subvol=${directory#"$SCRATCH_MNT"},subvolid=$id" \
	"$SCRATCH_DEV" "$TEST_DIR"
expect_error 'wrong fs type' \
	mount -o "subvol=${directory#"$SCRATCH_MNT"}/SECRET-NAME-OF-SUBVOLUME,subvolid=5" \
	"$SCRATCH_DEV" "$TEST_DIR"

dmesg >said
cat said
for text in 'scrub: checksum error' '): checksum error'; do
	for inode in "${inodes[@]}"; do
		grep "$text at logical .* inode $inode offset .*(path: [^)]*" said ||
			fail "nothing about inode $inode"
	done
done
! grep 'SECRET' said || fail "a plaintext name is in the log"
! grep '^[^:]*BTRFS critical' said || fail "a name looks like a message"
grep -F "(path: plain/public\\nBTRFS critical" said
[ "$(grep -c 'is not a subvolume' said)" = 2 ]
