#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Each tracepoint of the module fires when it should.
# module: no
. harness.sh
. encryption.sh

modprobe fscrypt_extent pool_size=1
tracing=$(mktemp -d)
mount -t tracefs tracefs "$tracing"
echo 1 >"$tracing/events/fscrypt_extent/enable"

# traced WHAT...: fail unless these events, in that order, have happened since the
# last call
traced() {
	sed -n 's/.*: fscrypt_extent_\([a-z]*\): mode=AES-256-XTS prk=\([0-9]*\)/\1 \2/p' \
		"$tracing/trace" | tee events
	: >"$tracing/trace"
	diff <(printf '%s\n' "$@") <(cut -d ' ' -f 1 events) || fail "other events"
	[ "$(cut -d ' ' -f 2 events | sort -u | wc -l)" = 1 ] || fail "not all of one root"
}

start_encrypted
exec 5>"$encrypted/a"
traced open
echo a >&5
sync
traced miss
exec 6>"$encrypted/b"
echo b >&6
sync
traced open miss evict
exec 5>&- 6>&-
remove_key "$main"
traced close close wipe
umount "$tracing"
