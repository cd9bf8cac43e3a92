# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Keys, policies and an encrypted directory on btrfs.  Sourced after harness.sh.
#
# The master key NAME is the file $OUT/NAME.key, so that extent-oracle can read
# it too.

# What the filesystem under test is made of; a test may change it.
devices=("$SCRATCH_DEV")
mount_options=noatime
policy_version=2

# What start_encrypted makes.
encrypted=$SCRATCH_MNT/encrypted
plain=$SCRATCH_MNT/plain

# make_key NAME: 64 bytes, the same in each run
make_key() {
	printf %s "$1" | sha512sum | cut -d ' ' -f 1 | xxd -r -p >"$OUT/$1.key"
}

# logon_payload NAME: print what a key of type logon has for v1 policies
logon_payload() {
	# struct fscrypt_key: mode, which nobody looks at, raw key, its size
	printf '\0\0\0\0'
	cat "$OUT/$1.key"
	printf '\x40\0\0\0'
}

# add_key NAME: add it to the filesystem and print its identifier, or in v1 the
# descriptor, which is the same for all keys
add_key() {
	local command=add_enckey
	[ "$policy_version" = 2 ] || command+=" -d 0123456789abcdef"
	xfs_io -c "$command" "$SCRATCH_MNT" <"$OUT/$1.key" |
		sed -n 's/^Added encryption key with [a-z]* //p'
}

# remove_key KEYSPEC: remove it, which no open file may prevent
remove_key() {
	local said
	said=$(xfs_io -c "rm_enckey $1" "$SCRATCH_MNT")
	echo "$said"
	[[ $said == "Removed encryption key with"*"$1" ]] || fail "the key was not removed completely"
	key_status "$1" Absent
}

# remove_busy_key KEYSPEC: remove it, while files that were opened with it are in use
remove_busy_key() {
	local said
	said=$(xfs_io -c "rm_enckey $1" "$SCRATCH_MNT")
	echo "$said"
	[[ $said == "Removed encryption key with"*"$1, but files still busy" ]] ||
		fail "no files are said to be busy"
	key_status "$1" 'Incompletely removed'
}

# key_status KEYSPEC STATUS: fail unless the key has that status
key_status() {
	local said
	said=$(xfs_io -c "enckey_status $1" "$SCRATCH_MNT")
	echo "status of key $1: $said"
	[[ $said == "$2"* ]] || fail "status '$said' instead of '$2'"
}

# as USER COMMAND...: run it with the rights of that user
as() {
	runuser -u "$1" -- "${@:2}"
}

# The contents modes as the engine calls them, with names modes, as options of set_encpolicy
# shellcheck disable=SC2034 # for the tests
declare -A modes=(
	[AES-256-XTS]='-c 1 -n 4'
	[AES-128-CBC-ESSIV]='-c 5 -n 6'
	[SM4-XTS]='-c 7 -n 8'
	[Adiantum]='-c 9 -n 9'
)
# shellcheck disable=SC2034
hctr2='-c 1 -n 10'

# set_policy DIRECTORY KEYSPEC [OPTION...]: options are those of set_encpolicy; the variable
# POLICY_FLAGS has flags for all policies, as one of a test's variants sets it
set_policy() {
	local directory=$1 key=$2
	shift 2
	xfs_io -c "set_encpolicy ${POLICY_FLAGS:+-f $POLICY_FLAGS} $* $key" "$directory"
}

mount_btrfs() {
	btrfs device scan "${devices[@]}" >/dev/null
	mount -o "$mount_options" "${devices[0]}" "$SCRATCH_MNT"
}

# new_btrfs [OPTION...]: options are those of mkfs.btrfs
new_btrfs() {
	mkfs.btrfs -qf "$@" "${devices[@]}"
	mount_btrfs
}

# new_ext4: the same of ext4, to compare with
new_ext4() {
	mkfs.ext4 -qF -O encrypt "$SCRATCH_DEV"
	mount "$SCRATCH_DEV" "$SCRATCH_MNT"
}

# make_directories [OPTION...]: $encrypted and $plain; the key is called main, and $main is
# what add_key printed; options are those of set_encpolicy
make_directories() {
	make_key main
	main=$(add_key main)
	mkdir "$encrypted" "$plain"
	set_policy "$encrypted" "$main" -v "$policy_version" "$@"
}

# start_encrypted [OPTION...]: a new filesystem with these directories
start_encrypted() {
	new_btrfs "$@"
	make_directories
}

# xfs_io_fails TEXT OPTION...: fail unless xfs_io says that; its status doesn't
# tell for all commands
xfs_io_fails() {
	local text=$1 said
	shift
	said=$(xfs_io "$@" 2>&1) || true
	[[ $said == *"$text"* ]] || fail "'$said' instead of '$text' from: xfs_io $*"
}

# What the engine counts
stats=/sys/kernel/debug/fscrypt_extent/stats

# stat_of NAME: print that number, of the first mode or device
stat_of() {
	sed -n "s/^$1 //p" $stats | head -n 1
}

# sum_of NAME: print the sum of these numbers, of all modes or devices
sum_of() {
	awk -v name="$1 " 'index($0, name) == 1 { sum += $NF } END { print sum + 0 }' $stats
}

# expect_number NAME NUMBER EXPECTED: print it, and fail unless it is as expected
expect_number() {
	echo "$1: $2"
	[ "$2" = "$3" ] || fail "$1 is $2 instead of $3"
}

drop_caches() {
	sync
	echo 3 >/proc/sys/vm/drop_caches
}

# mount_with_key: mount it, with the key main
mount_with_key() {
	mount_btrfs
	add_key main >/dev/null
}

# remount: mount it afresh, with the key main
remount() {
	umount "$SCRATCH_MNT"
	mount_with_key
}

# direct_dd OPERAND...: dd with direct reads.  Into memory that isn't there yet, as a new
# buffer of dd's, btrfs reads through the page cache; so it is filled.
direct_dd() {
	MALLOC_PERTURB_=1 dd iflag=direct status=none "$@"
}

# in_both COMMAND...: run it in the encrypted directory and in the plain one
in_both() {
	(cd "$encrypted" && "$@")
	(cd "$plain" && "$@")
}

# manifest DIRECTORY: print TYPE SIZE SHA256 PATH of all that is in it
manifest() {
	python3 "$REPO/tests/verify/manifest.py" "$1" | sort
}

# same_trees A B WHEN: fail unless two directories have the same files
same_trees() {
	manifest "$1" >expected
	manifest "$2" | diff expected - || fail "$1 and $2 differ $3"
	echo "$(wc -l <expected) files are alike $3"
}

# same_states A B WHAT: fail unless B has all that a backup of A must have; WHAT is for the message
same_states() {
	tree-state.py "$1" >expected
	tree-state.py "$2" | diff expected - || fail "$3"
}

# same_in_both: compare the two directories from memory, and from disk twice
same_in_both() {
	same_trees "$encrypted" "$plain" "from the cache"
	drop_caches
	same_trees "$encrypted" "$plain" "after dropping the caches"
	remount
	same_trees "$encrypted" "$plain" "after a remount"
}

# same_random_io SEED...: do the same random I/O in both directories
same_random_io() {
	local seed
	for seed in "$@"; do
		twin-io.py "$seed" 400 "$encrypted" "$plain"
	done
	remount
	same_trees "$encrypted" "$plain" "after a remount"
	verify_offline
}

# check_metadata: btrfs-progs finds the other disks of a filesystem in the guest only
check_metadata() {
	if [ ${#devices[@]} = 1 ]; then
		offline btrfs check --readonly "${devices[0]}"
	else
		btrfs check --readonly "${devices[0]}"
	fi
}

# expect_good_metadata: fail unless btrfs check finds nothing
expect_good_metadata() {
	check_metadata >"$OUT/check" 2>&1 || {
		cat "$OUT/check"
		fail "btrfs check found something"
	}
}

# expect_printable FILE: what a tool said has no raw bytes, as of encrypted names
expect_printable() {
	! LC_ALL=C grep -n '[^ -~	]' "$1" || fail "$1 has raw bytes"
}

# expect_check_complaint REGEX: btrfs check finds that, too, in both modes
expect_check_complaint() {
	local mode
	for mode in original lowmem; do
		run_expect 1 offline btrfs check --readonly --mode=$mode "$SCRATCH_DEV" >"$OUT/check" 2>&1
		cat "$OUT/check"
		grep -Eq "$1" "$OUT/check" || fail "btrfs check complains of something else in mode $mode"
	done
}

# verify_offline [OPTION...]: compare what is mounted, as extent-oracle reads it
# from the disks, with what the kernel says; check the metadata; unmount.
# Options are extent-oracle's; the keys are main and those.  The statistics are
# left in $OUT/stats.
verify_offline() {
	local key=(--key "$OUT/main.key")
	[ "$policy_version" = 2 ] || key=(--v1-key "$main:$OUT/main.key")
	manifest "$SCRATCH_MNT" >"$OUT/manifest"
	umount "$SCRATCH_MNT"
	expect_good_metadata
	offline extent-oracle "${key[@]}" "$@" --manifest "$OUT/manifest" \
		--stats "${devices[@]}" >"$OUT/stats" || {
		cat "$OUT/stats"
		fail "the oracle found something"
	}
	echo "The oracle agrees on $(wc -l <"$OUT/manifest") files:"
	cat "$OUT/stats"
}

# at_least COUNT WHAT: fail if verify_offline counted fewer of these
at_least() {
	local count
	count=$(sed -n "s/^$2: //p" "$OUT/stats")
	[ "${count:-0}" -ge "$1" ] || fail "${count:-no} $2 instead of at least $1"
}

# occurrences TEXT: how often the disks have it
occurrences() {
	offline python3 tests/guest/lib/occurrences.py "$1" "${devices[@]}"
}

# expect_on_disks COUNT TEXT: fail unless the disks have it that often at least
expect_on_disks() {
	local count
	count=$(occurrences "$2")
	echo "'$2' is $count times on the disks"
	[ "$count" -ge "$1" ] || fail "expected '$2' at least $1 times on the disks"
}

# expect_not_on_disks TEXT...: fail if the disks have one of these
expect_not_on_disks() {
	local text count
	for text in "$@"; do
		count=$(occurrences "$text")
		echo "'$text' is $count times on the disks"
		[ "$count" = 0 ] || fail "'$text' is on the disks"
	done
}

# expect_message REGEX: fail unless the kernel says so since the last mount
expect_message() {
	dmesg | sed '/first mount of filesystem/h;//!H;$!d;x' | grep -E "$1" ||
		fail "the kernel does not say: $1"
}

# kernel_memory: print what the kernel uses, in KiB, without what can be reclaimed
kernel_memory() {
	awk '/^(SUnreclaim|VmallocUsed|Percpu|PageTables|KernelStack):/ { sum += $2 } END { print sum }' \
		/proc/meminfo
}
