#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# With -o inlinecrypt, hardware encrypts what it can, blk-crypto-fallback does where
# the hardware can't, and the engine what only it can.  What one has written, the
# others read.
. harness.sh
. encryption.sh
. inline-disks.sh

# encrypts BY COMMAND...: fail unless only that one encrypts what the command writes
encrypts() {
	local by=$1 other
	local -A was
	shift
	for other in engine fallback hardware; do
		was[$other]=$(encrypted_by $other)
	done
	"$@"
	sync
	for other in engine fallback hardware; do
		local bios=$(($(encrypted_by $other) - ${was[$other]}))
		echo "$other: $bios bios"
		if [ $other = "$by" ]; then
			[ $bios -gt 0 ] || fail "$other encrypted nothing of: $*"
		else
			[ $bios = 0 ] || fail "$other encrypted $bios bios of: $*"
		fi
	done
}

write_markers() {
	markers 1024 >"$1"
	markers 512 | dd of="$1" bs=64k seek=16 iflag=fullblock oflag=direct conv=notrunc \
		status=none
}

make_inline_disks megabytes=512 keyslots=2
mount_options=noatime,inlinecrypt
start_encrypted
grep " $SCRATCH_MNT .*,inlinecrypt" /proc/mounts
make_key cbc
cbc=$(add_key cbc)
make_key adiantum
adiantum=$(add_key adiantum)
mkdir "$SCRATCH_MNT"/{cbc,adiantum}
set_policy "$SCRATCH_MNT/cbc" "$cbc" -v 2 "${modes[AES-128-CBC-ESSIV]}"
set_policy "$SCRATCH_MNT/adiantum" "$adiantum" -v 2 "${modes[Adiantum]}" -f 0x4
mkdir "$encrypted/nosum" "$plain/nosum"
chattr +C "$encrypted/nosum" "$SCRATCH_MNT/cbc" "$SCRATCH_MNT/adiantum" "$plain/nosum"

echo "--- writes"
encrypts engine write_markers "$encrypted/file"
encrypts hardware write_markers "$encrypted/nosum/file"
encrypts fallback write_markers "$SCRATCH_MNT/cbc/file"
encrypts fallback write_markers "$SCRATCH_MNT/adiantum/file"
inline_disks_are stale 0
[ "$(inline_disks encrypted)" -gt 0 ] || fail "the disks encrypted nothing"

echo "--- reads"
write_markers expected
for file in "$encrypted/file" "$encrypted/nosum/file" "$SCRATCH_MNT/cbc/file" \
	"$SCRATCH_MNT/adiantum/file"; do
	echo 1 >/proc/sys/vm/drop_caches
	cmp "$file" expected
	direct_dd if="$file" bs=1M | cmp - expected
done
[ "$(inline_disks decrypted)" -gt 0 ] || fail "the disks decrypted nothing"

echo "--- nothing in the clear"
[ "$(markers_on /dev/inline0)" = 0 ] || fail "found plaintext"
write_markers "$plain/nosum/file"
sync
[ "$(markers_on /dev/inline0)" -gt 1000 ] || fail "the search doesn't work"

echo "--- written by the engine, read by hardware"
cp "$encrypted/file" "$encrypted/nosum/by-engine"
umount "$SCRATCH_MNT"
inline_disks_are held 0
mount_options=noatime
mount_btrfs
add_key main >/dev/null
xfs_io -f -c 'pwrite -q -S 0x77 64k 64k' "$encrypted/nosum/by-engine"
xfs_io -f -c 'pwrite -q -S 0x77 64k 64k' expected
umount "$SCRATCH_MNT"
mount_options=noatime,inlinecrypt
mount_btrfs
add_key main >/dev/null
before=$(inline_disks decrypted)
cmp "$encrypted/nosum/by-engine" expected
[ "$(inline_disks decrypted)" -gt "$before" ] || fail "the disks decrypted nothing"

echo "--- written by hardware and fallback, read by the engine and the oracle"
umount "$SCRATCH_MNT"
inline_disks_are held 0
inline_disks_are stale 0
replace_inline_disk "$SCRATCH_DEV"
for key in main cbc adiantum; do
	add_key $key >/dev/null
done
cmp "$encrypted/nosum/by-engine" expected
verify_offline --key "$OUT/cbc.key" --key "$OUT/adiantum.key"
