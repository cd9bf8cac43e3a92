# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# How a step of the build reports: what it does, how far it is, and where to
# look when it failed.  Sourced.  Needs BUILD.

die() {
	echo "error: $*" >&2
	exit 1
}

# hold NAME [-s]: wait until nobody else changes [uses] that part of BUILD.  The
# descriptor, and the lock with it, lasts as long as this process.
hold() {
	exec {lock}>"$BUILD/.$1.lock"
	if ! flock -n "${2--x}" "$lock"; then
		echo "  waiting for another make that uses $BUILD/$1"
		flock "${2--x}" "$lock"
	fi
}

step_number=0

# step TEXT: begin the next of $steps steps
step() {
	step_number=$((step_number + 1))
	echo "[$step_number/${steps:-1}] $*"
}

# failed LOG WHAT: say why and end
failed() {
	local resolve='Temporary failure (in name resolution|resolving)|Could not (resolve|connect)'
	if grep -q 'No space left on device' "$1"; then
		die "$2: the disk that holds $BUILD is full, 15 GB are needed; the whole log is $1"
	fi
	tail -n 25 "$1" >&2
	if grep -qE "$resolve|Network is unreachable" "$1"; then
		die "$2: what it needs can't be fetched without a network; the whole log is $1"
	fi
	die "$2; the whole log is $1"
}

# in_group COMMAND...: run it in a process group of its own, all of which ends if this
# process is told to end.  It reads nothing: the terminal would stop it.
in_group() {
	local group="" status=0
	# What ends one that is in a group of its own itself ends that, too.
	trap 'end_group 129' HUP
	trap 'end_group 130' INT
	trap 'end_group 143' TERM
	set -m
	"$@" </dev/null &
	group=$!
	set +m
	wait "$group" || status=$?
	trap - HUP INT TERM
	return "$status"
}

# end_group STATUS: in in_group, also before it knows the number
end_group() {
	kill -- "-${group:-$!}" 2>/dev/null || true
	wait
	exit "$1"
}

strictly() {
	set -e
	"$@"
}

# logged LOG WHAT COMMAND...: run it with its output in BUILD/log/LOG
logged() {
	local log=$BUILD/log/$1 what=$2 status
	shift 2
	mkdir -p "$BUILD/log"
	# Not "|| failed": that would switch set -e off within a function.
	set +e
	in_group strictly "$@" >"$log" 2>&1
	status=$?
	set -e
	[ "$status" = 0 ] || failed "$log" "$what failed"
}

# counted LOG ABOUT WHAT COMMAND...: the same for a kbuild make, showing how
# many objects it has compiled of ABOUT so many (0: unknown)
counted() {
	local log=$BUILD/log/$1 about=$2 what=$3
	shift 3
	mkdir -p "$BUILD/log"
	in_group count "$log" "$about" "$@" || failed "$log" "$what failed"
}

# count LOG ABOUT COMMAND...
count() {
	local log=$1 about=$2
	shift 2
	"$@" 2>&1 | tee "$log" | awk -v about="$about" -v tty="$([ -t 1 ] && echo 1)" '
		/^  (CC|AS|RUSTC|LD|AR|HOSTCC|BINDGEN|EXPORTS|GEN)/ {
			n++
			if (n % (tty ? 10 : 250) == 0) {
				printf "%s  %d%s objects%s", tty ? "\r" : "", n,
				       about ? " of about " about : "", tty ? "" : "\n"
				fflush()
			}
		}
		END { if (tty && n >= 10) print "" }'
}
