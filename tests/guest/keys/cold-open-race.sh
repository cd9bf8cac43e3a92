#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Many threads open a file whose key isn't set up yet, while allocations fail.
# Whoever loses the race or fails gives back what it took: otherwise the module
# or the key couldn't be removed any more.
# guest: own
. harness.sh
. encryption.sh
. fault-injection.sh

start_encrypted
echo contents >"$encrypted/file"
cat >open.py <<'END'
import errno, os, sys, threading

path, faults = sys.argv[1], sys.argv[2] == "faults"
barrier = threading.Barrier(64)
results = {}
lock = threading.Lock()

def open_file():
    barrier.wait()
    if faults:
        with open(f"/proc/self/task/{threading.get_native_id()}/make-it-fail", "w") as file:
            file.write("1")
    try:
        os.close(os.open(path, os.O_RDONLY))
        result = "opened"
    except OSError as error:
        result = errno.errorcode[error.errno]
    with lock:
        results[result] = results.get(result, 0) + 1

for i in range(int(sys.argv[3])):
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("2")
    threads = [threading.Thread(target=open_file) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
print(results)
if set(results) - ({"opened", "ENOMEM"} if faults else {"opened"}):
    sys.exit("it could not be opened for another reason")
END
python3 open.py "$encrypted/file" right 5

attributes=(failslab)
let_fail 20 task-filter=Y ignore-gfp-wait=N
python3 open.py "$encrypted/file" faults 10
stop_failing

[ "$(<"$encrypted/file")" = contents ] || fail "wrong contents"
remove_key "$main"
umount "$SCRATCH_MNT"
rmmod fscrypt_extent
