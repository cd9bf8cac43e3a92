#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Nothing can be created in, linked or moved into or out of a locked directory.
. harness.sh
. encryption.sh

start_encrypted
echo contents >"$encrypted/file"
mkdir "$encrypted/dir"
remove_key "$main"
file=$(find "$encrypted" -type f)
dir=$(find "$encrypted" -mindepth 1 -type d)
before=$(find "$encrypted" | sort)

no_key="Required key not available"
expect_error "$no_key" touch "$encrypted/new"
expect_error "$no_key" touch "$dir/new"
expect_error "$no_key" mkdir "$encrypted/new"
expect_error "$no_key" mkfifo "$encrypted/new"
expect_error "$no_key" ln -s target "$encrypted/new"
expect_error "$no_key" ln "$file" "$encrypted/new"
expect_error "$no_key" mv "$file" "$encrypted/new"
expect_error "$no_key" mv "$file" "$dir"
expect_error "$no_key" xfs_io -T -c "pwrite 0 1" "$encrypted"
expect_error "$no_key" btrfs subvolume create "$encrypted/new"
# Nor with what looks like a no-key name.
expect_error "$no_key" touch "$file.x"
[ "$(find "$encrypted" | sort)" = "$before" ] || fail "something changed"
find "$encrypted"

add_key main
[ "$(ls "$encrypted")" = $'dir\nfile' ] || fail "something else is there"
[ "$(<"$encrypted/file")" = contents ] || fail "other contents"
verify_offline
