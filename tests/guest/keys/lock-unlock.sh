#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Without the key, an encrypted directory has no-key names only, which can be
# looked up and deleted; its files can't be opened.  With it, all is back.
. harness.sh
. encryption.sh

# locked_path INODE: the path in the locked directory
locked_path() {
	find "$encrypted" -inum "$1"
}

start_encrypted
echo some contents >"$encrypted/kept"
echo other contents >"$encrypted/deleted"
mkdir -p "$encrypted/kept-dir" "$encrypted/deleted-dir/nested"
echo nested contents >"$encrypted/kept-dir/file"
echo nested contents >"$encrypted/deleted-dir/nested/file"
ln -s target/of/the/link "$encrypted/kept-link"
ln -s target/of/the/link "$encrypted/deleted-link"
mkfifo "$encrypted/fifo"
rm_inodes=$(stat -c %i "$encrypted"/deleted*)
file=$(stat -c %i "$encrypted/kept")
link=$(stat -c %i "$encrypted/kept-link")
ls -liR "$encrypted"

echo "--- locked"
remove_key "$main"
ls -liR "$encrypted"
[ "$(find "$encrypted" -mindepth 1 | wc -l)" = 10 ] || fail "not all files are listed"
[ -z "$(find "$encrypted" -name 'kept*' -o -name 'deleted*' -o -name nested -o -name fifo)" ] ||
	fail "a name can be read without the key"
file=$(locked_path "$file")
[ "$(stat -c '%F, %s bytes' "$file")" = "regular file, 14 bytes" ] || fail "wrong attributes"
expect_error 'Required key not available' cat "$file"
expect_error 'Required key not available' truncate -s 1 "$file"
expect_error 'No such file' stat "$encrypted/kept"
target=$(readlink "$(locked_path "$link")")
echo "the target without the key: $target"
[ "$target" != target/of/the/link ] || fail "a symlink can be read without the key"
for inode in $rm_inodes; do
	rm -rv "$(locked_path "$inode")"
done
drop_caches
ls -liR "$encrypted"
[ "$(find "$encrypted" -mindepth 1 | wc -l)" = 5 ] || fail "wrong files are left"

echo "--- unlocked"
add_key main
ls -liR "$encrypted"
found=$(cd "$encrypted" && find . -mindepth 1 | sort | tr '\n' ' ')
[ "$found" = "./fifo ./kept ./kept-dir ./kept-dir/file ./kept-link " ] || fail "found $found"
[ "$(<"$encrypted/kept")" = "some contents" ] || fail "other contents"
[ "$(<"$encrypted/kept-dir/file")" = "nested contents" ] || fail "other nested contents"
[ "$(readlink "$encrypted/kept-link")" = target/of/the/link ] || fail "other target"
verify_offline
at_least 2 "encrypted directories"
at_least 2 "encrypted files"
at_least 1 "encrypted symlinks"
