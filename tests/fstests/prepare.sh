# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Sourced in the guest: puts what fstests lacks over the tree, goes there, and leaves the
# arguments of its check in $arguments, and in $wanted which tests.
set -eu

export FSTYP=${FSTYP:-btrfs}

# The tree itself stays as it is; it is read-only here anyway.
mkdir /tmp/fstests /tmp/fstests/{upper,work}
mount -t overlay -o "lowerdir=$FSTESTS_DIR,upperdir=/tmp/fstests/upper,workdir=/tmp/fstests/work" \
	overlay "$FSTESTS_DIR"
cd "$FSTESTS_DIR"
# What "make series" writes knows btrfs itself.
if [ "$FSTYP" = btrfs ] && ! grep -q _btrfs_get_encryption_nonce common/encrypt; then
	cat "$REPO/tests/fstests/encrypt.sh" >>common/encrypt
	mv src/fscrypt-crypt-util src/fscrypt-crypt-util.fstests
	cp "$REPO/tests/fstests/fscrypt-crypt-util" src/
fi

read -ra pool <<<"$SCRATCH_DEV_POOL"
export LOGWRITES_DEV=${pool[-1]}
unset 'pool[-1]' SCRATCH_DEV_POOL
if [ "$FSTYP" = btrfs ]; then
	# fstests takes the first for SCRATCH_DEV.
	export SCRATCH_DEV_POOL="$SCRATCH_DEV ${pool[*]}"
	unset SCRATCH_DEV
fi
# A tree may have a configuration for other machines.  The guest has no udevd to wait
# for: "udevadm wait" would do so for ever.
export HOST_OPTIONS=/tmp/fstests/config
cat >"$HOST_OPTIONS" <<'END'
UDEV_SETTLE_PROG=true
UDEV_WAIT_PROG=
END
export RESULT_BASE=$OUT

arguments=()
if [ -n "$ENCRYPT" ]; then
	# All files of both filesystems are encrypted, without a word from the tests.
	dummy="-o test_dummy_encryption"
	[ "$ENCRYPT" != authenticated ] || dummy+="=v2-authenticated"
	export MOUNT_OPTIONS="$dummy ${MOUNT_OPTIONS-}"
	export TEST_FS_MOUNT_OPTS="$dummy ${TEST_FS_MOUNT_OPTS-}"
	arguments+=(-E "$REPO/tests/fstests/encrypt-exclude")
	echo "BTRFS_UTIL_PROG=$REPO/tests/fstests/btrfs" >>"$HOST_OPTIONS"
fi

"mkfs.$FSTYP" -q "$TEST_DEV"
# shellcheck disable=SC2034 # for the scripts
read -ra wanted <<<"${TESTS:--g encrypt}"
