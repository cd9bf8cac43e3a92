#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A key is removed while a task is about to replace a key of its extents, the last one
# that is anywhere, by another: it isn't said to be absent before the old key is gone
# from memory.
# vm: qemu
# memory: 768
# cmdline: init_on_free=0 init_on_alloc=0
# timeout: 900
. harness.sh
. encryption.sh
. secrets.sh
. held-ciphers.sh

filesystem=btrfs
policy=2:1:4:0

load_held_engine 1
start_encrypted
make_key other
other=$(add_key other)
mkdir "$SCRATCH_MNT/other"
set_policy "$SCRATCH_MNT/other" "$other" -v 2
for file in "$encrypted/file" "$SCRATCH_MNT/other/file"; do
	head -c 64k /dev/urandom >"$file"
done
sync
# What find-secrets.py reads mustn't be the key, as it is in this guest's memory.
python3 -c 'import sys
sys.stdout.buffer.write(bytes(byte ^ 255 for byte in sys.stdin.buffer.read()))' \
	<"$OUT/main.key" >"$OUT/complement"
nonces=(extent:"$(extent_nonce_of "$encrypted/file")")

direct_dd if="$encrypted/file" of=/dev/null bs=64k
hold_ciphers
direct_dd if="$SCRATCH_MNT/other/file" of=/dev/null bs=64k &
reader=$!
until_held 1
remove_key "$main" >removed &
remover=$!
sleep 2
search "while another key is about to be set"
if kill -0 $remover 2>/dev/null; then
	# So this test finds what it looks for.
	expect_found "extent: key" "extent: expanded"
else
	cat removed
	expect_none extent
	fail "the key is absent, and no other was set"
fi
release_ciphers
wait $remover
cat removed
search "absent"
expect_none extent
expect_none extent-prk
wait $reader
umount "$SCRATCH_MNT"
modprobe -r fscrypt_extent held_xts
