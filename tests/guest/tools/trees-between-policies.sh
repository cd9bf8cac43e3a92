#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A git repository is copied by cp, rsync and tar between directories with different
# policies and none, with links, holes and attributes; git finds nothing wrong.
# vm: uml
# long: yes
# timeout: 900
. harness.sh
. encryption.sh

start_encrypted
make_key other
other=$(add_key other)
second=$SCRATCH_MNT/second
mkdir "$second"
set_policy "$second" "$other" -v 2 "${modes[Adiantum]}"

# Else "git status" would write the index.
export GIT_OPTIONAL_LOCKS=0
export HOME=$PWD GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=user.email GIT_CONFIG_VALUE_0=nobody@localhost \
	GIT_CONFIG_KEY_1=user.name GIT_CONFIG_VALUE_1=nobody
work=$encrypted/work
git init -q "$work"
cp -r "$REPO/tests/guest" "$work/tests"
for i in 1 2 3 4 5; do
	seq $((i * 1000)) >"$work/numbers"
	git -C "$work" add .
	git -C "$work" commit -q -m "change $i"
done
git -C "$work" gc -q
ln "$work/numbers" "$work/linked"
ln -s numbers "$work/symlink"
truncate -s 10M "$work/sparse"
echo end >>"$work/sparse"
setfattr -n user.name -v value "$work/numbers"

# listing TREE: print what is in it, but for directories, whose sizes differ
listing() {
	(cd "$1" && find . -printf '%p %y %m %n %s %l\n' | grep -v ' d ' | sort)
}

# contents TREE: print the kinds, sizes and checksums of its files
contents() {
	manifest "$1" | cut -d ' ' -f 1-3 | sort
}

# same TREE: fail unless it is like the first
same() {
	listing "$1" | diff expected-listing - || fail "$1 is different"
	contents "$1" | diff expected-contents - >/dev/null || fail "$1 has other contents"
	[ "$(getfattr --absolute-names --only-values -n user.name "$1/numbers")" = value ] ||
		fail "$1 has no attribute"
	[ "$(stat -c %b "$1/sparse")" -lt 100 ] || fail "$1 has no hole"
	git -C "$1" fsck --full --strict
	[ -z "$(git -C "$1" status --porcelain tests)" ] || fail "$1 has changes"
}
listing "$work" >expected-listing
contents "$work" >expected-contents

from=$work
for to in "$second" "$plain" "$encrypted"; do
	echo "--- $from to $to"
	cp -a "$from" "$to/cp"
	rsync -aHXS "$from/" "$to/rsync"
	mkdir "$to/tar"
	tar -C "$from" --xattrs -cSf - . | tar -C "$to/tar" --xattrs -xf -
	drop_caches
	for tree in cp rsync tar; do
		same "$to/$tree"
	done
	from=$to/rsync
done
expect_error 'Invalid cross-device link' ln "$work/numbers" "$second/numbers"
mv "$work" "$second/moved"
same "$second/moved"
verify_offline --key "$OUT/other.key"
