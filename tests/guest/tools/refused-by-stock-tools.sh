#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Debian's btrfs-progs, which don't know encryption, refuse a filesystem that has it
# instead of repairing it.  Nothing that they do changes it.
. harness.sh
. encryption.sh

refusal="unsupported option features (100000000000000)"

# stock COMMAND...: run Debian's, in the build root, where nothing has the disk open
stock() {
	offline "/usr/bin/$1" "${@:2}" "$SCRATCH_DEV" 2>&1 </dev/null || status=$?
}

# refused COMMAND...: fail unless it refuses the filesystem
refused() {
	local said status=0
	said=$(stock "$@"; echo "status $status")
	echo "$*: $(tr '\n' ';' <<<"$said")"
	[[ $said == *"$refusal"* ]] || fail "$* doesn't refuse it"
	[[ $said != *"status 0" ]] || fail "$* succeeded"
}

start_encrypted
head -c 1M /dev/urandom | tee data >"$encrypted/file"
mkdir "$encrypted/directory"
ln -s target "$encrypted/link"
umount "$SCRATCH_MNT"
before=$(offline sha256sum "$SCRATCH_DEV")

offline /usr/bin/btrfs --version
refused btrfs check
refused btrfs check --repair --force
refused btrfs check --repair --force --init-csum-tree
refused btrfs inspect-internal tree-stats
for command in zero-log fix-device-size clear-uuid-tree clear-ino-cache \
	'clear-space-cache v2'; do
	# shellcheck disable=SC2086 # words
	refused btrfs rescue $command
done
refused btrfs restore -l
refused btrfs filesystem label
for option in -r -x -n -u -m '-S 1' --convert-to-block-group-tree; do
	# shellcheck disable=SC2086 # words
	refused btrfstune -f $option
done
refused btrfs-find-root
refused btrfs-select-super -s 1

# This one says so and reports success, but prints no tree.
status=0
stock btrfs inspect-internal dump-tree | tee said
grep -F "$refusal" said >/dev/null || fail "dump-tree doesn't refuse it"
! grep 'leaf [0-9]' said || fail "dump-tree prints trees"

# These don't look at features: the one prints the superblock, the others find nothing
# to repair.
stock btrfs inspect-internal dump-super | tee said
grep -E '^incompat_flags.*0x100000000000' said >/dev/null || fail "no incompat bit"
stock btrfs rescue super-recover -y
stock btrfs rescue chunk-recover -y

[ "$(offline sha256sum "$SCRATCH_DEV")" = "$before" ] || fail "the filesystem was changed"
mount_btrfs
add_key main
cmp data "$encrypted/file"
verify_offline
