#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# overlayfs with its upper directory in an encrypted directory, with each of its features:
# what can be done is the same on btrfs as on ext4.
# long: yes
. harness.sh
. encryption.sh
. beside-ext4.sh

mount_overlay() {
	mount -t overlay -o "$features" -o \
		"lowerdir=$plain/lower,upperdir=$encrypted/upper,workdir=$encrypted/work" \
		overlay "$TEST_DIR"
}

change() {
	try cat "$TEST_DIR"/dir/one
	try append "$TEST_DIR/dir/one" more
	try append "$TEST_DIR/new" contents
	try chmod 600 "$TEST_DIR/two"
	try rm "$TEST_DIR/three"
	try ln "$TEST_DIR/two" "$TEST_DIR/link"
	try mv "$TEST_DIR/two" "$TEST_DIR/moved"
	try mv "$TEST_DIR/gone" "$TEST_DIR/elsewhere"
	try mkdir "$TEST_DIR/directory"
	try rm -r "$TEST_DIR/gone"
	try mkdir "$TEST_DIR/gone"
	try mknod "$TEST_DIR/fifo" p
	try ln -s target "$TEST_DIR/symlink"
	try xfs_io -T -c 'pwrite -q 0 4k' "$TEST_DIR/directory"
	try setfattr -n user.name -v value "$TEST_DIR/large"
	try truncate -s 100k "$TEST_DIR/large"
	try exchange.py "$TEST_DIR/new" "$TEST_DIR/large"
}

show_all() {
	(cd "$TEST_DIR" && find . -printf '%p %y %m %l\n' | sort)
	manifest "$TEST_DIR"
	(cd "$encrypted/upper" && find . -printf '%p %y %m %l\n' | sort)
}

show() {
	mkdir "$encrypted"/{upper,work} "$plain"/lower{,/dir,/gone}
	for file in dir/one two three gone/file; do
		echo "$file" >"$plain/lower/$file"
	done
	printf 'y%.0s' {1..300000} >"$plain/lower/large"
	try mount_overlay
	change
	show_all
	try umount "$TEST_DIR"
	try remove_key "$main"
	try mount_overlay
	try add_key main
	try mount_overlay
	show_all
	try umount "$TEST_DIR"
}

for features in redirect_dir=off redirect_dir=on index=on,nfs_export=on \
	redirect_dir=on,metacopy=on,index=on; do
	echo "--- $features"
	same_on_ext4 show
	umount "$SCRATCH_MNT"
done
