# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Fault injection, of those that the array attributes names.  Sourced.  What is set here
# is as before for the next test.

# function_bounds NAME: print where that function of btrfs begins and ends
function_bounds() {
	local bounds
	bounds=$(awk '$4 == "[btrfs]" { print "0x" $1, $3 }' /proc/kallsyms | sort |
		grep -A 1 " $1\$")
	[[ $bounds =~ ^(0x[0-9a-f]+).*(0x[0-9a-f]+) ]] || fail "no such function: $1"
	echo "${BASH_REMATCH[1]} ${BASH_REMATCH[2]}"
}

# module_bounds NAME: print where that module's code begins and ends
module_bounds() {
	local start size
	local text=.text
	# The large code model, that of User-mode Linux, has another name for it.
	[ "$VM" != uml ] || text=.ltext
	start=$(<"/sys/module/$1/sections/$text")
	size=$(size -A "$(modinfo -n "$1")" | awk -v text=$text '$1 == text { print $2 }')
	printf '%s 0x%x\n' "$start" $((start + size))
}

debugfs=/sys/kernel/debug
attributes=(failslab fail_page_alloc fail_mempool_alloc fail_mempool_alloc_bulk)
many=1000000
declare -A failed

# fail_in_all_tasks: let fail_allocations be for all tasks, and those that they start,
# but not for interrupts: these have other allocations, and what they interrupted is on
# the stack, too
fail_in_all_tasks() {
	local attribute task
	echo N | tee $debugfs/{failslab,fail_page_alloc}/ignore-gfp-wait \
		$debugfs/fail_page_alloc/ignore-gfp-highmem >/dev/null
	echo 0 >$debugfs/fail_page_alloc/min-order
	for attribute in "${attributes[@]}"; do
		echo Y >"$debugfs/$attribute/task-filter"
	done
	for task in /proc/[0-9]*; do
		echo 1 >"$task/make-it-fail" || true
	done
}

# let_fail PERCENT NAME=VALUE...: set these files of each, and let so many fail of what
# they allow
let_fail() {
	local attribute setting
	for attribute in "${attributes[@]}"; do
		for setting in probability=0 verbose=0 times=$many "${@:2}" "probability=$1"; do
			echo "${setting#*=}" >"$debugfs/$attribute/${setting%%=*}"
		done
	done
}

# fail_allocations START END VERBOSITY: let all allocations fail that are made by what
# is between these addresses, or by what that calls; with verbosity 2, the kernel logs
# from where
fail_allocations() {
	echo "--- allocations below $1 to $2 fail"
	let_fail 100 "require-start=$1" "require-end=$2" "verbose=$3"
}

# stop_failing: and leave in the array failed how many did
stop_failing() {
	local attribute
	for attribute in "${attributes[@]}"; do
		echo 0 >"$debugfs/$attribute/probability"
		failed[$attribute]=$((many - $(<"$debugfs/$attribute/times")))
		echo "$attribute: ${failed[$attribute]} failed"
	done
}
