#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# fsync after a direct write to allocated space that took several bios.  Each of
# them has an extent map of its own, and what fsync logs is made from these.  They
# are parts of one extent: if they are logged as extents of their own, the log
# can't be replayed and the filesystem can't be mounted any more.
#
# Only without data checksums, as else such a write is copied to few large folios.
. harness.sh
. encryption.sh

scattered_write() {
	scattered-write.py "$1" "$2/file" $((1 << 20)) 600
}

case $STAGE in
1)
	start_encrypted
	in_both touch file
	in_both chattr +C file
	in_both fallocate -l 8M file
	sync
	scattered_write write "$plain"
	scattered_write write "$encrypted"
	power_cut
	;;
2)
	mount_btrfs
	make_key main
	add_key main
	scattered_write check "$plain"
	scattered_write check "$encrypted"
	verify_offline
	;;
esac
