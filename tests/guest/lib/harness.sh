# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# A shell test's side of the contract in Documentation/testing.rst.  Sourced by
# every shell test first.

set -eu -o pipefail

# What tests write in Python imports from here.
export PYTHONPATH=$REPO/tests/guest/lib PYTHONDONTWRITEBYTECODE=1

# Say where a command failed that nothing was prepared to see failing.
trap 'echo "${BASH_SOURCE[0]##*/}:$LINENO: failed with status $?: $BASH_COMMAND" >&2' ERR
set -o errtrace

fail() {
	echo "FAIL: $*" >&2
	exit 1
}

skip() {
	echo "$*"
	exit 77
}

# run_expect STATUS COMMAND...
run_expect() {
	local expected=$1 status=0
	shift
	"$@" || status=$?
	[ "$status" = "$expected" ] ||
		fail "status $status instead of $expected from: $*"
}

# expect_error TEXT COMMAND...
expect_error() {
	local text=$1 output
	shift
	if output=$("$@" 2>&1); then
		fail "succeeded, but should have failed with '$text': $*"
	fi
	[[ $output == *"$text"* ]] ||
		fail "'$output' instead of '$text' from: $*"
}

# offline COMMAND...: run it in the build root
offline() {
	host-request offline "$@"
}

power_cut() {
	host-request power-cut
}

# dump_ram FILE
dump_ram() {
	host-request dump-ram "$1"
}
