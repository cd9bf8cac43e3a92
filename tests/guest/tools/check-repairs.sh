#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# btrfs check --repair, in both modes: what had lost items of its name or its inode can be
# read with the key again, under its name or in lost+found, and no ciphertext is taken for
# a name.
# vm: uml
. harness.sh
. bad-image.sh

INODE_REF=12
DIR_ITEM=84
# btrfs check --repair waits for ten seconds otherwise.
repair=(btrfs check --repair --force)

# delete DIRECTORY INODE TYPE...: items of that inode or of its name in the directory
delete() {
	local directory=$1 inode=$2 type offset
	shift 2
	for type; do
		case $type in
		"$INODE_ITEM") offset=0 ;;
		"$INODE_REF") offset=$directory ;;
		*)
			offset=$(awk -v inode="($inode" -v dir="($directory" -v type="$type" '
				BEGIN { name[84] = "DIR_ITEM"; name[96] = "DIR_INDEX" }
				$3 == "key" { at = $4 == dir && $5 == name[type] ? $6 : "" }
				$1 == "location" && $3 == inode && at { sub(/\)/, "", at); print at }' dump)
			;;
		esac
		case $type in
		"$INODE_ITEM" | "$INODE_REF") offline corrupt-item --delete "$SCRATCH_DEV" \
			--item "$tree:$inode:$type:$offset" ;;
		*) offline corrupt-item --delete "$SCRATCH_DEV" \
			--item "$tree:$directory:$type:$offset" ;;
		esac
	done
}

# start_repair DIRECTORY: files in it, and numbers of inodes
start_repair() {
	local name
	encrypted=$1
	for name in both index item ref-and-item inode; do
		echo "contents of $name" >"$encrypted/$name"
	done
	ln -s target "$encrypted/link"
	mkfifo "$encrypted/fifo"
	mkdir "$encrypted/directory"
	echo inside >"$encrypted/directory/inside"
	sync
	tree=$(btrfs inspect-internal rootid "$subvolume")
	directory=$(stat -c %i "$encrypted")
	declare -gA inode
	for name in both index item ref-and-item inode link fifo directory; do
		inode[$name]=$(stat -c %i "$encrypted/$name")
	done
	umount "$SCRATCH_MNT"
	btrfs inspect-internal dump-tree -t "$tree" "$SCRATCH_DEV" >dump
}

# find_inode NAME: print where it is now, which is either where it was or in lost+found
find_inode() {
	local path
	path=$(find "$subvolume" -inum "${inode[$1]}")
	[ "$path" = "$encrypted/$1" ] || [ "$path" = "$subvolume/lost+found/${inode[$1]}" ] ||
		fail "$1, inode ${inode[$1]}, is at '$path'"
	echo "$path"
}

for mode in original lowmem; do
	start_image
	mount_image
	start_repair "$subvolume/encrypted"
	delete "$directory" "${inode[both]}" $DIR_ITEM $DIR_INDEX
	delete "$directory" "${inode[index]}" $DIR_INDEX
	delete "$directory" "${inode[item]}" $DIR_ITEM
	delete "$directory" "${inode[ref-and-item]}" $INODE_REF $DIR_ITEM
	delete "$directory" "${inode[inode]}" $INODE_ITEM
	delete "$directory" "${inode[link]}" $DIR_ITEM $DIR_INDEX
	delete "$directory" "${inode[fifo]}" $DIR_ITEM $DIR_INDEX
	delete "$directory" "${inode[directory]}" $DIR_ITEM $DIR_INDEX
	for _ in 1 2; do
		"${repair[@]}" --mode=$mode "$SCRATCH_DEV" 2>&1 | tee said || true
		expect_printable said
	done
	for other in original lowmem; do
		btrfs check --readonly --mode=$other "$SCRATCH_DEV" ||
			fail "repaired in mode $mode, and not clean in mode $other"
	done
	mount_btrfs
	find "$subvolume" >said
	expect_printable said
	add_key main >/dev/null
	ls -lR "$subvolume"
	cmp good "$encrypted/good"
	for name in both index item; do
		echo "contents of $name" | cmp - "$(find_inode $name)"
	done
	# In mode lowmem, this is a file of no size, and what has one of three items is deleted.
	path=$(find_inode inode)
	if [ $mode = original ]; then
		head -n 1 "$path" | cmp - <(echo "contents of inode")
		echo "contents of ref-and-item" | cmp - "$(find_inode ref-and-item)"
	fi
	[ "$(readlink "$(find_inode link)")" = target ]
	[ -p "$(find_inode fifo)" ]
	[ "$(<"$(find_inode directory)/inside")" = inside ]
	# What is there again is in use as before.
	echo new >"$(find_inode both)"
	rm -r "$encrypted" "$subvolume/lost+found"
	umount "$SCRATCH_MNT"
	btrfs check --readonly "$SCRATCH_DEV"
done

# Without the key there can't be a lost+found in a subvolume that is encrypted itself.
for mode in original lowmem; do
	encrypted=$SCRATCH_MNT/encrypted
	plain=$SCRATCH_MNT/plain
	start_encrypted
	subvolume=$encrypted/subvolume
	btrfs subvolume create "$subvolume" >/dev/null
	start_repair "$subvolume"
	delete 256 "${inode[ref-and-item]}" $INODE_REF $DIR_ITEM
	delete 256 "${inode[both]}" $DIR_ITEM
	"${repair[@]}" --mode=$mode "$SCRATCH_DEV" 2>&1 | tee said || true
	grep "ERROR: inode ${inode[ref-and-item]} can't be moved to 'lost+found'" said
	# Mode lowmem adds what is missing.
	[ $mode = lowmem ] ||
		grep "ERROR: inode ${inode[both]} can't be moved to 'lost+found'" said
	mount_btrfs
	add_key main >/dev/null
	ls "$subvolume"
	[ ! -e "$subvolume/lost+found" ]
	echo "contents of index" | cmp - "$subvolume/index"
	[ $mode = original ] || echo "contents of both" | cmp - "$subvolume/both"
	umount "$SCRATCH_MNT"
	# They are still there.
	btrfs inspect-internal dump-tree "$SCRATCH_DEV" >dump
	for name in ref-and-item both; do
		grep "key (${inode[$name]} INODE_ITEM 0)" dump
	done
done
