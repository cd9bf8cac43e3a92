# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# split_mutant PATCH OURS KERNEL: write what it changes of our own files to OURS, and what it
# changes in files of the kernel (block/..., crypto/..., fs/...) to KERNEL, if there is any
split_mutant() {
	awk -v ours="$2" -v kernel="$3" '
		/^--- a\// { part = /^--- a\/(block|crypto|fs)\// ? kernel : ours }
		part { print >part }' "$1"
}
