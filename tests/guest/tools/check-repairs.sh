#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs check --repair, in both modes, where names and inodes of encrypted directories have
# lost items: what is left says how to complete them.  What can't be completed is left as
# it is, and nothing of it is deleted.
# timeout: 600
# vm: uml
. harness.sh
. bad-image.sh

# delete NAME TYPE...: items of that file of $directory, or of its name there
delete() {
	local inode=${inode[$1]} type key
	shift
	for type; do
		case $type in
		"$INODE_REF") key=$inode:$type:$directory ;;
		"$DIR_ITEM" | "$DIR_INDEX") key=$directory:$type:$(index_of "$inode" "$type") ;;
		*) key=$inode:$type:0 ;;
		esac
		offline corrupt-item --delete --item "$tree:$key" "$SCRATCH_DEV"
	done
}

# index_of INODE TYPE: the offset of the key of the item with its name
index_of() {
	awk -v inode="($1" -v dir="($directory" -v type="$2" '
		BEGIN { name[84] = "DIR_ITEM"; name[96] = "DIR_INDEX" }
		$3 == "key" { at = $4 == dir && $5 == name[type] ? $6 : "" }
		$1 == "location" && $3 == inode && at { sub(/\)/, "", at); print at }' dump
}

# items INODE: what the tree has of it, and of its names
items() {
	btrfs inspect-internal dump-tree -t "$tree" "$SCRATCH_DEV" |
		grep -o -e "key ($1 [A-Z_]* [0-9]*)" -e "location key ($1 .*"
}

# make_files DIRECTORY: one of each kind of damage
files=(both index item ref-and-item inode inode-and-ref ref-and-index context)
make_files() {
	local name
	directory=$(stat -c %i "$1")
	declare -gA inode
	for name in "${files[@]}"; do
		echo "contents of $name" >"$1/$name"
	done
	ln -s target "$1/link"
	ln -s target "$1/link-inode"
	mkfifo "$1/fifo" "$1/fifo-inode"
	mkdir "$1/directory" "$1/directory-inode"
	echo inside | tee "$1/directory/inside" >"$1/directory-inode/inside"
	sync
	for name in "${files[@]}" {link,fifo,directory}{,-inode}; do
		inode[$name]=$(stat -c %i "$1/$name")
	done
}

# repair: and fail unless check has nothing more to say
repair() {
	# What one run has completed, the next can build on.  It waits for ten seconds otherwise.
	for _ in 1 2 3; do
		btrfs check --repair --force --mode=$mode "$SCRATCH_DEV" >said 2>&1 || true
		cat said
		expect_printable said
	done
	btrfs check --readonly --mode=$mode "$SCRATCH_DEV"
}

# expect_files DIRECTORY: all but those that can't be completed
expect_files() {
	local name
	! find "$1" -mindepth 1 | grep -v "^$1/[a-z/-]*$" || fail "other names"
	for name in both index item ref-and-item; do
		echo "contents of $name" | cmp - "$1/$name"
	done
	for name in inode inode-and-ref context; do
		[ -f "$1/$name" ]
		# Mode lowmem recreates files of no size.
		[ $mode = lowmem ] || head -n 1 "$1/$name" | cmp - <(echo "contents of $name")
	done
	[ "$(readlink "$1/link")" = target ]
	[ -L "$1/link-inode" ]
	[ -p "$1/fifo" ]
	[ -p "$1/fifo-inode" ]
	for name in directory directory-inode; do
		[ "$(<"$1/$name/inside")" = inside ]
	done
	[ ! -e "$subvolume/lost+found" ]
	# What is there again is in use as before.
	echo new >"$1/both"
	echo new >"$1/directory-inode/new"
}

# The top directory of the subvolume is plain, or encrypted.
for top in plain encrypted; do
	for mode in original lowmem; do
		echo "--- top directory $top, mode $mode"
		subvolume=$SCRATCH_MNT/subvolume
		encrypted=$subvolume/encrypted
		plain=$subvolume/plain
		start_image
		mount_with_key
		if [ $top = encrypted ]; then
			mkdir "$SCRATCH_MNT/encrypted"
			set_policy "$SCRATCH_MNT/encrypted" "$main" -v 2
			subvolume=$SCRATCH_MNT/encrypted/subvolume
			encrypted=$subvolume
			btrfs subvolume create "$subvolume" >/dev/null
			tree=$(btrfs inspect-internal rootid "$subvolume")
		fi
		make_files "$encrypted"
		umount "$SCRATCH_MNT"
		btrfs inspect-internal dump-tree -t "$tree" "$SCRATCH_DEV" >dump
		delete both $DIR_ITEM $DIR_INDEX
		delete index $DIR_INDEX
		delete item $DIR_ITEM
		delete ref-and-item $INODE_REF $DIR_ITEM
		delete inode $INODE_ITEM
		delete inode-and-ref $INODE_ITEM $INODE_REF
		delete context $INODE_ITEM $FSCRYPT_INODE_CTX
		for name in link fifo directory; do
			delete $name $DIR_ITEM $DIR_INDEX
			# Mode lowmem recreates symlinks of no size, and complains of them then.
			[ $mode-$name = lowmem-link ] || delete $name-inode $INODE_ITEM
		done
		repair || fail "btrfs check still complains"
		for other in original lowmem; do
			btrfs check --readonly --mode=$other "$SCRATCH_DEV" ||
				fail "repaired in mode $mode, and not clean in mode $other"
		done
		mount_with_key
		expect_files "$encrypted"
		umount "$SCRATCH_MNT"
		btrfs check --readonly "$SCRATCH_DEV"

		echo "--- what can't be completed"
		delete ref-and-index $INODE_REF $DIR_INDEX
		items "${inode[ref-and-index]}" >before
		! repair || fail "btrfs check says that all is repaired"
		items "${inode[ref-and-index]}" >after
		[ -z "$(comm -23 <(sort before) <(sort after))" ] || fail "something of it is gone"
		mount_with_key
		# Mode lowmem doesn't mind that there is half a name.
		if [ $mode = original ] || [ $top = encrypted ]; then
			[ ! -e "$subvolume/lost+found" ]
		else
			echo "contents of ref-and-index" |
				cmp - "$subvolume/lost+found/${inode[ref-and-index]}"
		fi
		echo "contents of item" | cmp - "$encrypted/item"
		umount "$SCRATCH_MNT"
	done
done

echo "--- a plain file on such a filesystem is moved to lost+found, as on others"
mode=original
subvolume=$SCRATCH_MNT/subvolume
encrypted=$subvolume/encrypted
plain=$subvolume/plain
start_image
mount_with_key
make_files "$plain"
umount "$SCRATCH_MNT"
btrfs inspect-internal dump-tree -t "$tree" "$SCRATCH_DEV" >dump
delete ref-and-item $INODE_REF $DIR_ITEM
repair || fail "btrfs check still complains"
mount_with_key
echo "contents of ref-and-item" | cmp - "$subvolume/lost+found/"*
cmp good "$encrypted/good"
umount "$SCRATCH_MNT"
