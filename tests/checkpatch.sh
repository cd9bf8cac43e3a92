# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# checkpatch as it is used for files and patches of ours, and for mails: that of the kernel
# in $checkpatch_tree.  Sourced.  Needs BUILD.

# MAINTAINERS entries and the Signed-off-by are for whoever sends the series.
# With a repository in sight, checkpatch would take our patches for sources; and
# it leaves a file where it runs.
checkpatch() {
	(cd "$BUILD/log" && GIT_DIR=/nonexistent perl "${checkpatch_tree:?}/scripts/checkpatch.pl" \
		--root="$checkpatch_tree" -q --no-signoff "$@")
}

# Which commit a fault came with takes the kernel's history to say.
# btrfs itself begins the text of a message further left than the bracket, and
# its Opt_ names are no CamelCase to change here.  Tracepoints are written with
# open-ended lines everywhere.
checkpatch_kernel() {
	checkpatch --strict "$@" --ignore \
		FILE_PATH_CHANGES,PARENTHESIS_ALIGNMENT,CAMELCASE,OPEN_ENDED_LINE,MISSING_FIXES_TAG
}
