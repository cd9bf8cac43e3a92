#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A v2 key is there as long as one of the users who added it wants it.  A v1 key
# is root's business, as its name proves nothing.
. harness.sh
. encryption.sh

no_key='Required key not available'
removed_claim="Removed user's claim to encryption key with identifier"

# key_as USER SAID COMMAND...: fail unless xfs_io's command says that
key_as() {
	local user=$1 expected=$2 said
	shift 2
	said=$(as "$user" xfs_io -c "$*" "$SCRATCH_MNT" <"$OUT/main.key" 2>&1) || true
	echo "$user: $*: $said"
	[[ $said == *"$expected" ]] || fail "expected '$expected'"
}

start_encrypted
remove_key "$main"
mkdir -m 777 "$SCRATCH_MNT/users"
as fsgqa mkdir "$SCRATCH_MNT/users/dir"

echo "--- two users have added it"
key_as fsgqa "$main" add_enckey
key_as fsgqa2 "$no_key" rm_enckey "$main"
as fsgqa xfs_io -c "set_encpolicy -v 2 $main" "$SCRATCH_MNT/users/dir"
key_as fsgqa2 "$main" add_enckey
key_as fsgqa2 "(user_count=2, added_by_self)" enckey_status "$main"
key_as root "(user_count=2)" enckey_status "$main"
as fsgqa sh -c "echo contents >$SCRATCH_MNT/users/dir/file"
exec 5<"$SCRATCH_MNT/users/dir/file"

echo "--- one of them removes it"
key_as root "$no_key" rm_enckey "$main"
key_as fsgqa "Permission denied" rm_enckey -a "$main"
key_as fsgqa "$removed_claim $main" rm_enckey "$main"
key_as fsgqa "$no_key" rm_enckey "$main"
key_as fsgqa "Present (user_count=1)" enckey_status "$main"
as fsgqa sh -c "echo contents >$SCRATCH_MNT/users/dir/new"

echo "--- so does the other, while a file is open; then anybody may try again"
key_as fsgqa2 "$main, but files still busy" rm_enckey "$main"
key_as fsgqa "$main, but files still busy" rm_enckey "$main"
key_as root "Incompletely removed" enckey_status "$main"
cat <&5

echo "--- added again meanwhile, it is his who did so"
key_as fsgqa "$main" add_enckey
key_as fsgqa2 "$no_key" rm_enckey "$main"
key_as fsgqa "(user_count=1, added_by_self)" enckey_status "$main"
as fsgqa cat "$SCRATCH_MNT/users/dir/new"
exec 5<&-

echo "--- root removes everybody's"
key_as fsgqa2 "$main" add_enckey
key_as root "Removed encryption key with identifier $main" rm_enckey -a "$main"
key_as fsgqa Absent enckey_status "$main"

echo "--- who hasn't the key can't say that others shall need it"
as fsgqa mkdir "$SCRATCH_MNT/users/other"
expect_error "$no_key" as fsgqa xfs_io -c "set_encpolicy -v 2 $main" "$SCRATCH_MNT/users/other"

echo "--- v1"
policy_version=1
v1=$(add_key main)
key_as fsgqa "Permission denied" add_enckey -d "$v1"
key_as fsgqa "Permission denied" rm_enckey "$v1"
remove_key "$v1"
