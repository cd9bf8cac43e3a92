#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# A directory with 100,000 long names is listed and deleted without its key.
# long: yes
# vm: uml
# timeout: 1800
. harness.sh
. encryption.sh

count=100000
start_encrypted
mkdir "$encrypted/many"
python3 - "$encrypted/many" $count <<'END'
import os
import sys

for number in range(int(sys.argv[2])):
    os.mknod(f"{sys.argv[1]}/{number:0200}")
END
remove_key "$main"
drop_caches
[ "$(find "$encrypted" -mindepth 2 | sort -u | wc -l)" = $count ] || fail "not as many names"
rm -r "${encrypted:?}"/*
[ -z "$(ls "$encrypted")" ] || fail "something is left"
rmdir "$encrypted"
mkdir "$encrypted"
verify_offline
