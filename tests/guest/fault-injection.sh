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
	start=$(<"/sys/module/$1/sections/.text")
	size=$(size -A "$(modinfo -n "$1")" | awk '$1 == ".text" { print $2 }')
	printf '%s 0x%x\n' "$start" $((start + size))
}
