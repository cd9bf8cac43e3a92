# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# Where allocations are to fail, for the require-start and require-end of the fault
# injection's attributes.  Sourced.

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

# fail_allocations START END VERBOSITY: let all allocations fail that are made by what
# is between these addresses, or by what that calls; with verbosity 2, the kernel logs
# from where
fail_allocations() {
	local attribute
	echo "--- allocations below $1 to $2 fail"
	for attribute in "${attributes[@]}"; do
		echo "$1" >"$debugfs/$attribute/require-start"
		echo "$2" >"$debugfs/$attribute/require-end"
		echo 32 >"$debugfs/$attribute/stacktrace-depth"
		echo "$3" >"$debugfs/$attribute/verbose"
		echo $many >"$debugfs/$attribute/times"
		echo 100 >"$debugfs/$attribute/probability"
	done
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
