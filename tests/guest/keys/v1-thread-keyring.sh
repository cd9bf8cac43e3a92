#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# As systemd-homed uses encryption: a v1 policy, set with the oldest ioctl; the key
# in the keyring of a thread that ends while its data waits to be written; and what
# unlocks the key in trusted extended attributes of the directory.
. harness.sh
. encryption.sh

descriptor=0123456789abcdef
home=$SCRATCH_MNT/home

new_btrfs
make_key main
make_key home
mkdir "$home"
cat >homed.py <<'END'
import ctypes, errno, fcntl, kernel, os, struct, sys, threading

SYS_add_key = 248
KEY_SPEC_THREAD_KEYRING = -1
POLICY_V1, AES_256_XTS, AES_256_CTS, PAD_32 = 0, 1, 4, 3
libc = ctypes.CDLL(None, use_errno=True)
action, home, descriptor, key_file = sys.argv[1:]
policy = struct.pack("4B8s", POLICY_V1, AES_256_XTS, AES_256_CTS, PAD_32,
                     bytes.fromhex(descriptor))
key = open(key_file, "rb").read()
data = bytes(range(256)) * 4096

def get_policy():
    fd = os.open(home, os.O_RDONLY)
    found = bytearray(len(policy))
    fcntl.ioctl(fd, kernel.GET_POLICY, found)
    os.close(fd)
    return found

def worker():
    payload = struct.pack("I64sI", 0, key, len(key))
    if libc.syscall(SYS_add_key, b"logon", b"fscrypt:" + descriptor.encode(), payload,
                    len(payload), KEY_SPEC_THREAD_KEYRING) < 0:
        raise OSError(ctypes.get_errno(), "add_key")
    if action == "create":
        try:
            get_policy()
        except OSError as error:
            assert error.errno == errno.ENODATA, error
        else:
            raise AssertionError("a plain directory has a policy")
        fd = os.open(home, os.O_RDONLY)
        fcntl.ioctl(fd, kernel.SET_POLICY, policy)
        os.setxattr(home, "trusted.fscrypt_slot0", b"salt:encrypted")
        os.mkdir(home + "/Documents")
        with open(home + "/Documents/letter", "wb") as file:
            file.write(data)
    else:
        assert os.listdir(home) == ["Documents"], os.listdir(home)
        with open(home + "/Documents/letter", "rb") as file:
            assert file.read() == data, "other contents"
    done.append(action)

done = []
thread = threading.Thread(target=worker)
thread.start()
thread.join()
assert done == [action]
assert get_policy() == policy
assert os.getxattr(home, "trusted.fscrypt_slot0") == b"salt:encrypted"
END
homed() {
	python3 homed.py "$1" "$home" $descriptor "$OUT/home.key"
}

homed create
grep '^Dirty:' /proc/meminfo
# Nobody has the key now.
sync
drop_caches
ls -R "$home"
[ ! -e "$home/Documents" ] || fail "a name can be read without the key"
expect_error 'Required key not available' touch "$home/new"
homed use
umount "$SCRATCH_MNT"
mount_btrfs
expect_error 'Required key not available' cat "$home"/*/*
homed use
verify_offline --v1-key "$descriptor:$OUT/home.key"
at_least 1 "encrypted extents"
