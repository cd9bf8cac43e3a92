#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Random trees with two policies and plain directories, and with directories that get a policy
# between two snapshots, are sent with random parents and clone sources, and received into
# plain directories, into the same policy and into another one.  Everything is as it was, and
# as much is shared as in copies of a plain twin of the tree.  Balance and defragmentation
# meanwhile lose nothing.
# vm: uml
# timeout: 900
# variant: send-random-many long=yes timeout=18000 SEEDS="101 102 103 104 105 106 107 108 109 110 111 112 113 114 115 116 117 118 119 120" SNAPSHOTS=20
. harness.sh
. encryption.sh

snapshots=${SNAPSHOTS:-6}
target=$TEST_DIR

# target_btrfs KEY: a new filesystem with a directory $target/to of that policy, or a plain one
target_btrfs() {
	local key
	! mountpoint -q "$target" || umount "$target"
	mkfs.btrfs -qf "$TEST_DEV"
	mount -o max_inline=0 "$TEST_DEV" "$target"
	mkdir "$target/to"
	[ -n "$1" ] || return 0
	key=$(SCRATCH_MNT=$target add_key "$1")
	set_policy "$target/to" "$key" -v 2
}

# random_options N: set $options to some that the snapshot N can be sent with
random_options() {
	local i choice
	options=()
	[ $((RANDOM % 3)) = 0 ] || [ "$1" = 1 ] || options+=(-p "/$((1 + RANDOM % ($1 - 1)))")
	for ((i = 1; i < $1; i++)); do
		[ $((RANDOM % 3)) != 0 ] || options+=(-c "/$i")
	done
	choice=$((RANDOM % 4))
	[ $choice = 3 ] || options+=(--proto "$choice")
	[ $choice != 3 ] || options+=(--compressed-data)
}

# send_all TREE FILE: all snapshots of the tree, to FILE.N
send_all() {
	local i
	for ((i = 1; i <= snapshots; i++)); do
		read -ra options <"options.$i"
		btrfs send -q -f "$2.$i" "${options[@]/#\//$SCRATCH_MNT/$1-snapshots/}" \
			"$SCRATCH_MNT/$1-snapshots/$i" ||
			fail "seed $seed: $1, snapshot $i can't be sent with ${options[*]}"
	done
}

# receive_all TREE FILE: what send_all made, and compare it
receive_all() {
	local i
	for ((i = 1; i <= snapshots; i++)); do
		btrfs receive -q -f "$2.$i" "$target/to" ||
			fail "seed $seed: $1, snapshot $i can't be received, sent with $(<"options.$i")"
		same_states "$SCRATCH_MNT/$1-snapshots/$i" "$target/to/$i" \
			"seed $seed: $1, snapshot $i is different, sent with $(<"options.$i")"
	done
	sync -f "$target"
	mapfile -t copies < <(seq -f "$target/to/%.0f" "$snapshots")
}

for seed in ${SEEDS:-1 2 3}; do
	echo "--- seed $seed"
	RANDOM=$seed
	mount_options=noatime,max_inline=0
	[ $((seed % 2)) = 0 ] || mount_options+=,compress-force=zstd
	new_btrfs
	for key in main other third; do
		make_key $key
	done
	main=$(add_key main)
	other=$(add_key other)
	for tree in twin tree; do
		btrfs subvolume create "$SCRATCH_MNT/$tree" >/dev/null
		mkdir "$SCRATCH_MNT/$tree-snapshots"
	done
	for ((i = 1; i <= snapshots; i++)); do
		random-tree.py "$seed-$i" 60 "$SCRATCH_MNT/twin" one= two= >twin.log
		random-tree.py "$seed-$i" 60 "$SCRATCH_MNT/tree" "one=$main" "two=$other" |
			diff twin.log - || fail "seed $seed: the twins are different"
		for tree in twin tree; do
			btrfs subvolume snapshot -r "$SCRATCH_MNT/$tree" \
				"$SCRATCH_MNT/$tree-snapshots/$i" >/dev/null
		done
		random_options "$i"
		echo "snapshot $i: ${options[*]}"
		echo "${options[*]}" >"options.$i"
	done
	for tree in twin tree; do
		(cd "$SCRATCH_MNT/$tree-snapshots" && seq "$snapshots" | xargs tree-state.py --shared) \
			>"$tree.shared"
	done
	diff twin.shared tree.shared || fail "seed $seed: the twins share otherwise"
	send_all twin twin
	send_all tree tree
	target_btrfs ""
	receive_all twin twin
	tree-state.py --shared "${copies[@]}" >shared
	read -r expected_blocks all_blocks < <(tail -n 1 shared)
	echo "the twin's copies have $expected_blocks blocks, its files $all_blocks"
	[ $((expected_blocks * 10)) -lt $((all_blocks * 8)) ] || fail "seed $seed: too little is shared"
	for key in "" main third; do
		target_btrfs "$key"
		receive_all tree tree
		tree-state.py --shared "${copies[@]}" >shared.again
		diff <(head -n -1 shared) <(head -n -1 shared.again) ||
			fail "seed $seed: holes are elsewhere than in the plain twin's copies"
		# What can be cloned depends a little on which items are in a leaf together.
		read -r blocks all < <(tail -n 1 shared.again)
		echo "in ${key:-no policy}: $blocks, $all"
		[ $((blocks * 50)) -le $((expected_blocks * 51)) ] ||
			fail "seed $seed: less is shared than in the plain twin's copies"
	done

	echo "beside balance and defragmentation"
	rm -f sent-all
	while [ ! -e sent-all ]; do
		btrfs -q balance start --full-balance "$SCRATCH_MNT"
		btrfs filesystem defragment -r "$SCRATCH_MNT/tree" >/dev/null
	done &
	load=$!
	send_all tree moved
	touch sent-all
	wait $load
	target_btrfs main
	receive_all tree moved
	umount "$target"
	verify_offline --key "$OUT/other.key"
done
