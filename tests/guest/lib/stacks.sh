# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Filesystems on each other, and who waits for whom.  Sourced after encryption.sh.
#
# Whatever may wait for ever runs in the background and has a deadline.  The machine
# may be busy, so that is far above what it takes.

# How long anything may take that must not wait for a disk
deadline=60

# load_engine POOL_SIZE: load the module with this parameter
load_engine() {
	modprobe -r fscrypt_extent
	modprobe fscrypt_extent pool_size="$1"
	echo "--- pool_size=$1"
}

# limit_memory BYTES: of this test's processes all together, with their page cache
limit_memory() {
	echo +memory >/sys/fs/cgroup/cgroup.subtree_control
	echo "$1" >/sys/fs/cgroup/test/memory.max
}

# show_waiting: print where in the kernel tasks wait uninterruptibly
show_waiting() {
	local task
	for task in /proc/[0-9]*/task/[0-9]*; do
		if grep -qs '^State:.D' "$task/status"; then
			echo "waits: $(<"$task/comm"):" \
				"$(sed 's/^[^ ]* //; s/+.*//' "$task/stack" | head -n 9 | tr '\n' ' ')"
		fi
	done
}

# ended WHAT PID...: wait for these children; fail unless each succeeds in time
ended() {
	local what=$1 end=$((SECONDS + deadline)) pid
	shift
	for pid; do
		while kill -0 "$pid" 2>/dev/null; do
			if [ $SECONDS -gt $end ]; then
				show_waiting
				fail "still not done after $deadline seconds: $what"
			fi
			sleep 0.1
		done
		wait "$pid" || fail "status $? from: $what"
	done
}

# in_time COMMAND...: run it in a subshell; fail unless it succeeds in time
in_time() {
	"$@" &
	ended "$*" $!
}

# write_for SECONDS NAME DIRECTORY: have two processes write, sync and read files there, so
# long and until each has done so once; nothing of it may fail
write_for() {
	local end=$((SECONDS + deadline)) writers=() i
	touch going
	for i in 1 2; do
		synced-files.py "$2.$i" "$3" "synced.$2.$i" >"said.$2.$i" &
		writers+=($!)
	done
	sleep "$1"
	for i in 1 2; do
		until [ -s "synced.$2.$i" ] || [ $SECONDS -gt $end ]; do
			sleep 0.1
		done
	done
	rm going
	ended "writers $2" "${writers[@]}"
	cat "said.$2".*
	! grep -h failed "said.$2".* || fail "I/O failed"
}

# right DIRECTORY NAME: fail unless what those writers have written is there
right() {
	in_time synced-files.py check "$1" "synced.$2".*
}

# dirty_files DIRECTORY COUNT: make files of a block each, which is an extent each, and
# leave them in the page cache
dirty_files() {
	python3 -c 'import sys
for number in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/{number}", "wb") as file:
        file.write(b"%4095d\n" % number)' "$1" "$2"
}

# right_files DIRECTORY COUNT: fail unless these are there
right_files() {
	in_time python3 -c 'import sys
for number in range(int(sys.argv[2])):
    with open(f"{sys.argv[1]}/{number}", "rb") as file:
        if file.read() != b"%4095d\n" % number:
            sys.exit(f"{file.name} is wrong")
print(f"{sys.argv[2]} files are right")' "$1" "$2"
}

# A stack is made of filesystems of these kinds, from the lowest to the highest.  The
# lowest is on the disk, each other one on a loop device on an encrypted file of the
# one below it.  Level N is mounted on $TEST_DIR/N, and $TEST_DIR/N/encrypted has a
# policy with a key of its own.
stack_disk=$SCRATCH_DEV
stack=(btrfs btrfs btrfs)
declare -A stack_options=([btrfs]=noatime [ext4]=noatime)
# How loop devices access their files: direct I/O on or off
stack_direct_io=off

# level_device LEVEL: print the device for it
level_device() {
	if [ "$1" = 1 ]; then
		echo "$stack_disk"
	else
		losetup --find --show --direct-io="$stack_direct_io" \
			"$TEST_DIR/$(($1 - 1))/encrypted/image"
	fi
}

# mount_level LEVEL DEVICE: and add its key, whose identifier is printed
mount_level() {
	local SCRATCH_MNT=$TEST_DIR/$1
	mount -o "${stack_options[${stack[$1 - 1]}]}" "$2" "$SCRATCH_MNT"
	add_key "level$1"
}

make_stack() {
	local level device key
	for ((level = 1; level <= ${#stack[@]}; level++)); do
		mkdir -p "$TEST_DIR/$level"
		make_key level$level
		device=$(level_device $level)
		case ${stack[level - 1]} in
		btrfs) mkfs.btrfs -qfK -m single "$device" ;;
		ext4) mkfs.ext4 -qF -O encrypt -E nodiscard "$device" ;;
		esac
		key=$(mount_level $level "$device")
		mkdir "$TEST_DIR/$level/encrypted"
		set_policy "$TEST_DIR/$level/encrypted" "$key" -v 2
		if [ $level -lt ${#stack[@]} ]; then
			truncate -s $((1024 >> level))M "$TEST_DIR/$level/encrypted/image"
		fi
	done
}

unmount_stack() {
	local level device
	for ((level = ${#stack[@]}; level >= 1; level--)); do
		device=$(findmnt -nro SOURCE "$TEST_DIR/$level")
		umount "$TEST_DIR/$level"
		[ $level = 1 ] || losetup --detach "$device"
	done
}

# remount_stack: mount it afresh, with nothing in any cache
remount_stack() {
	local level
	unmount_stack
	drop_caches
	for ((level = 1; level <= ${#stack[@]}; level++)); do
		mount_level $level "$(level_device $level)" >/dev/null
	done
}

# stack_top: print the encrypted directory of the highest level
stack_top() {
	echo "$TEST_DIR/${#stack[@]}/encrypted"
}

# stack_works [SECONDS]: make the stack, write so long, read from disk twice, and check it
stack_works() {
	local top
	top=$(stack_top)
	echo "--- ${stack[*]}: ${stack_options[*]}, direct I/O $stack_direct_io"
	rm -f synced.* said.*
	in_time make_stack
	write_for "${1:-2}" stack "$top"
	in_time drop_caches
	right "$top" stack
	in_time remount_stack
	right "$top" stack
	in_time unmount_stack
	check_stack
}

# check_stack: check what is on the disk, unmounted
check_stack() {
	if [ "${stack[0]}" = btrfs ]; then
		btrfs check --readonly "$stack_disk" >said.check 2>&1 || {
			cat said.check
			fail "btrfs check found something"
		}
	else
		e2fsck -fn "$stack_disk"
	fi
}

# make_hanging DISK [OPTION...]: make a filesystem on /dev/mapper/hanging, which is that
# disk, and mount it on $TEST_DIR, with a directory like $encrypted; options are those of
# mkfs.btrfs
make_hanging() {
	# shellcheck disable=SC2034 # encryption.sh uses them
	local SCRATCH_MNT=$TEST_DIR devices=(/dev/mapper/hanging) main \
		encrypted=$TEST_DIR/encrypted plain=$TEST_DIR/plain
	faulty_disk hanging "$1"
	start_encrypted "${@:2}"
	head -c 64k /dev/zero >"$encrypted/old"
	umount "$TEST_DIR"
	mount_btrfs
	add_key main
}

remount_hanging() {
	# shellcheck disable=SC2034 # encryption.sh uses it
	local SCRATCH_MNT=$TEST_DIR devices=(/dev/mapper/hanging)
	remount
}

# hang: let that disk keep all I/O waiting that it gets, until `dmsetup resume hanging`
hang() {
	dmsetup suspend --noflush --nolockfs hanging
}
