# SPDX-License-Identifier: GPL-2.0-only
"""The system calls and ioctls that Python doesn't have."""

import ctypes
import fcntl
import os
import struct
import time

LIBC = ctypes.CDLL(None, use_errno=True)

FS_ENCRYPT_FL = 0x800
RENAME_EXCHANGE = 2
MS_NOATIME = 1024
MNT_DETACH = 2
AT_FDCWD = -100
AT_EMPTY_PATH = 0x1000

SEND_FLAG_NO_FILE_DATA = 1
SEND_FLAG_VERSION = 8
SEND_FLAG_COMPRESSED = 16

EXTENT_DATA = 108
FILE_EXTENT_REG = 1

V1_DESCRIPTOR = bytes.fromhex("0123456789abcdef")


def _ioc(direction, kind, number, size):
    return direction << 30 | size << 16 | ord(kind) << 8 | number


def _ior(kind, number, size):
    return _ioc(2, kind, number, size)


def _iow(kind, number, size):
    return _ioc(1, kind, number, size)


def _iowr(kind, number, size):
    return _ioc(3, kind, number, size)


SET_POLICY = _ior("f", 19, 12)
GET_PWSALT = _iow("f", 20, 16)
GET_POLICY = _iow("f", 21, 12)
GET_POLICY_EX = _iowr("f", 22, 9)
ADD_KEY = _iowr("f", 23, 80)
REMOVE_KEY = _iowr("f", 24, 64)
REMOVE_KEY_ALL_USERS = _iowr("f", 25, 64)
KEY_ABSENT = 1
GET_KEY_STATUS = _iowr("f", 26, 128)
GET_NONCE = _ior("f", 27, 16)
GETFLAGS = _ior("f", 1, 8)
SETFLAGS = _iow("f", 2, 8)
ENABLE_VERITY = _iow("f", 133, 128)
FIEMAP = _iowr("f", 11, 32)
FICLONE = _iow("\x94", 9, 4)
FICLONERANGE = _iow("\x94", 13, 32)
FIDEDUPERANGE = _iowr("\x94", 54, 24)
DEFRAG_RANGE = _iow("\x94", 16, 48)
TREE_SEARCH_V2 = _iowr("\x94", 17, 112)
INO_LOOKUP = _iowr("\x94", 18, 4096)
SUBVOL_CREATE = _iow("\x94", 14, 4096)
SNAP_DESTROY = _iow("\x94", 15, 4096)
SNAP_CREATE_V2 = _iow("\x94", 23, 4096)
SEND = _iow("\x94", 38, 72)
SUBVOL_GETFLAGS = _ior("\x94", 25, 8)
SCRUB = _iowr("\x94", 27, 1024)
BALANCE = _iowr("\x94", 32, 1024)
BALANCE_CTL = _iow("\x94", 33, 4)
BALANCE_CTL_CANCEL = 2
INO_PATHS = _iowr("\x94", 35, 56)
LOGICAL_INO = _iowr("\x94", 36, 56)
ENCODED_READ = _ior("\x94", 64, 128)
ENCODED_WRITE = _iow("\x94", 64, 128)
GET_SUBVOL_INFO = _ior("\x94", 60, 504)
GET_SUBVOL_ROOTREF = _iowr("\x94", 61, 4096)
INO_LOOKUP_USER = _iowr("\x94", 62, 4096)
LOOP_SET_FD = 0x4C00
LOOP_CLR_FD = 0x4C01
LOOP_CTL_GET_FREE = 0x4C82


def _check(result):
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result


def mount(device, directory, options):
    _check(LIBC.mount(device.encode(), directory.encode(), b"btrfs", MS_NOATIME,
                      options.encode()))


def umount(directory, flags=0):
    _check(LIBC.umount2(directory.encode(), flags))


def renameat2(old, new, flags):
    _check(LIBC.renameat2(AT_FDCWD, os.fsencode(old), AT_FDCWD, os.fsencode(new), flags))


def linkat_fd(fd, path):
    _check(LIBC.linkat(fd, b"", AT_FDCWD, os.fsencode(path), AT_EMPTY_PATH))


def fallocate(fd, mode, offset, length):
    _check(LIBC.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))


def btrfs_handle(tree, inode, generation=0):
    """A file handle without its parent (FILEID_BTRFS_WITHOUT_PARENT)."""
    return struct.pack("=IiQQI", 20, 0x4D, inode, tree, generation)


# struct file_handle, with room for any
MAX_HANDLE_SZ = 128
HANDLE_SIZE = 8 + MAX_HANDLE_SZ


def handle_of(path):
    handle = ctypes.create_string_buffer(struct.pack("=Ii", MAX_HANDLE_SZ, 0), HANDLE_SIZE)
    mount_id = ctypes.c_int()
    _check(LIBC.name_to_handle_at(AT_FDCWD, os.fsencode(path), handle,
                                  ctypes.byref(mount_id), 0))
    return handle.raw


def open_by_handle(mount_fd, handle, flags):
    return _check(LIBC.open_by_handle_at(mount_fd, handle, flags))


def loop_device(path):
    """Attaches a file and returns the device."""
    control = os.open("/dev/loop-control", os.O_RDWR)
    device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
    os.close(control)
    fd, file = os.open(device, os.O_RDWR), os.open(path, os.O_RDWR)
    fcntl.ioctl(fd, LOOP_SET_FD, file)
    os.close(file)
    os.close(fd)
    return device


def detach(device):
    fd = os.open(device, os.O_RDWR)
    fcntl.ioctl(fd, LOOP_CLR_FD)
    os.close(fd)


def key_spec(name):
    """struct fscrypt_key_specifier for a descriptor or an identifier."""
    return struct.pack("=II32s", 1 if len(name) == 8 else 2, 0, name)


def add_key(fd, key, descriptor=b""):
    """Adds a v2 key, or a v1 key with the descriptor; returns its name."""
    spec = key_spec(descriptor) if descriptor else struct.pack("=II32s", 2, 0, b"")
    argument = bytearray(spec + struct.pack("=II32x", len(key), 0) + key)
    fcntl.ioctl(fd, ADD_KEY, argument)
    return bytes(argument[8:8 + (len(descriptor) or 16)])


def remove_key(fd, name, request=REMOVE_KEY):
    """Returns the status flags: 1 if files are busy, 2 if other users have it."""
    argument = bytearray(key_spec(name) + bytes(24))
    fcntl.ioctl(fd, request, argument)
    return struct.unpack_from("=I", argument, 40)[0]


def key_status(fd, name):
    argument = bytearray(key_spec(name) + bytes(88))
    fcntl.ioctl(fd, GET_KEY_STATUS, argument)
    return struct.unpack_from("=I", argument, 64)[0]


def policy_of(name, authenticated=False):
    """AES-256-XTS and AES-256-CBC-CTS with names padded to 16 bytes."""
    if len(name) == 8:
        return struct.pack("=BBBB8s", 0, 1, 4, 2, name)
    return struct.pack("=BBBBB3x16s", 2, 1, 4, 0x82 if authenticated else 2, 0, name)


def set_policy(fd, name, authenticated=False):
    fcntl.ioctl(fd, SET_POLICY, bytearray(policy_of(name, authenticated)))


def get_policy_ex(fd):
    argument = bytearray(struct.pack("=Q", 24) + bytes(24))
    fcntl.ioctl(fd, GET_POLICY_EX, argument)
    return bytes(argument[8:])


def is_encrypted(fd):
    return bool(struct.unpack("=q", fcntl.ioctl(fd, GETFLAGS, bytes(8)))[0] & FS_ENCRYPT_FL)


def clone(destination, source):
    fcntl.ioctl(destination, FICLONE, source)


def clone_range(destination, source, offset, length, to):
    fcntl.ioctl(destination, FICLONERANGE, struct.pack("=qQQQ", source, offset, length, to))


def dedupe(source, destination, length):
    """Returns the status for the one destination: 0, 1 (differs) or -errno."""
    argument = bytearray(struct.pack("=QQHHIqQQiI", 0, length, 1, 0, 0,
                                     destination, 0, 0, 0, 0))
    fcntl.ioctl(source, FIDEDUPERANGE, argument)
    return struct.unpack_from("=i", argument, 48)[0]


def create_subvolume(directory_fd, name):
    fcntl.ioctl(directory_fd, SUBVOL_CREATE, bytearray(struct.pack("=q4088s", 0, os.fsencode(name))))


def destroy_subvolume(directory_fd, name):
    fcntl.ioctl(directory_fd, SNAP_DESTROY, bytearray(struct.pack("=q4088s", 0, os.fsencode(name))))


def snapshot(directory_fd, name, source_fd, read_only=False):
    fcntl.ioctl(directory_fd, SNAP_CREATE_V2, bytearray(
        struct.pack("=qQQ32x4040s", source_fd, 0, 2 * read_only, os.fsencode(name))))


def send(fd, to_fd, flags=0, parent=0, sources=()):
    """Sends the read-only subvolume, or what is different from a parent tree, with other trees as
    sources of clones."""
    version = 2 if flags & SEND_FLAG_COMPRESSED else 1
    trees = (ctypes.c_uint64 * len(sources))(*sources)
    fcntl.ioctl(fd, SEND, struct.pack("=qQQQQI28x", to_fd, len(sources), ctypes.addressof(trees),
                                      parent, flags | SEND_FLAG_VERSION, version))


def ino_lookup(fd, tree, inode):
    """Returns the tree and the path."""
    argument = bytearray(struct.pack("=QQ", tree, inode) + bytes(4080))
    fcntl.ioctl(fd, INO_LOOKUP, argument)
    return (struct.unpack_from("=Q", argument)[0],
            bytes(argument[16:]).split(b"\0", 1)[0])


def ino_lookup_user(fd, directory, tree):
    argument = bytearray(struct.pack("=QQ", directory, tree) + bytes(4080))
    fcntl.ioctl(fd, INO_LOOKUP_USER, argument)
    return bytes(argument[16:])


def subvolume_info(fd):
    argument = bytearray(504)
    fcntl.ioctl(fd, GET_SUBVOL_INFO, argument)
    return bytes(argument)


def subvolume_rootrefs(fd):
    argument = bytearray(4096)
    fcntl.ioctl(fd, GET_SUBVOL_ROOTREF, argument)
    return [struct.unpack_from("=QQ", argument, 8 + 16 * i) for i in range(argument[4088])]


class _Container:
    """Where the kernel puts paths or inodes."""

    SIZE = 4096

    def __init__(self):
        self.buffer = ctypes.create_string_buffer(self.SIZE)

    def argument(self, number):
        return struct.pack("=QQ4QQ", number, self.SIZE, 0, 0, 0, 0,
                           ctypes.addressof(self.buffer))

    def numbers(self):
        return struct.unpack_from("=I", self.buffer, 8)[0]


def ino_paths(fd, inode):
    container = _Container()
    fcntl.ioctl(fd, INO_PATHS, container.argument(inode))
    return container.buffer.raw[16:]


def logical_ino(fd, address):
    container = _Container()
    fcntl.ioctl(fd, LOGICAL_INO, container.argument(address))
    count = container.numbers()
    return struct.unpack_from(f"={min(count, 500)}Q", container.buffer, 16)


def _tree_search(fd, tree, first, last):
    """Items of the tree, at most 64 KiB of them: how many there are, and their buffer.  First and
    last are object ID, type, and offset."""
    argument = bytearray(struct.pack("=7Q4I4Q", tree, first[0], last[0], first[2], last[2],
                                     0, 2**64 - 1, first[1], last[1], 2**32 - 1, 0, 0, 0, 0, 0)
                         + struct.pack("=Q", 65536) + bytes(65536))
    fcntl.ioctl(fd, TREE_SEARCH_V2, argument)
    return struct.unpack_from("=I", argument, 64)[0], argument[112:]


def tree_search(fd, tree):
    """Returns how many items of the tree there are, at most 64 KiB of them."""
    return _tree_search(fd, tree, (0, 0, 0), (2**64 - 1, 255, 2**64 - 1))[0]


def file_extents(fd):
    """Returns offset, length, address, and position in the extent, all in bytes, of each extent
    of a file that has been written.  Unlike FIEMAP, it tells them of compressed ones."""
    extents, offset, inode = [], 0, os.fstat(fd).st_ino
    while True:
        count, items = _tree_search(fd, 0, (inode, EXTENT_DATA, offset),
                                    (inode, EXTENT_DATA, 2**64 - 1))
        if not count:
            return extents
        at = 0
        for _ in range(count):
            offset, size = struct.unpack_from("=16xQ4xI", items, at)
            at += 32
            if items[at + 20] == FILE_EXTENT_REG:
                address, position, length = struct.unpack_from("=QxxxxxxxxQQ", items, at + 21)
                extents.append((offset, length, address, position))
            at += size
        offset += 1


def fiemap(fd):
    """Returns the addresses of the extents."""
    header = struct.pack("=QQIIII", 0, 2**63, 1, 0, 64, 0)
    argument = bytearray(header + bytes(56 * 64))
    fcntl.ioctl(fd, FIEMAP, argument)
    count = struct.unpack_from("=I", argument, 20)[0]
    return [struct.unpack_from("=QQQ", argument, 32 + 56 * i)[1] for i in range(count)]


def scrub(fd):
    argument = bytearray(struct.pack("=QQQQ", 1, 0, 2**64 - 1, 0) + bytes(992))
    fcntl.ioctl(fd, SCRUB, argument)


def balance_data(fd, seconds=10):
    """Cancels it after that time: of an extent that is in no file, btrfs never gets rid."""
    child = os.fork()
    if child == 0:
        number = 0
        try:
            fcntl.ioctl(fd, BALANCE, bytearray(struct.pack("=Q", 1) + bytes(1016)))
        except OSError as error:
            number = error.errno
        os._exit(number)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            break
        time.sleep(0.02)
    else:
        fcntl.ioctl(fd, BALANCE_CTL, BALANCE_CTL_CANCEL)
        status = os.waitpid(child, 0)[1]
    if status:
        number = os.waitstatus_to_exitcode(status)
        raise OSError(number, os.strerror(number))


def defragment(fd):
    fcntl.ioctl(fd, DEFRAG_RANGE, struct.pack("=QQQIIII", 0, 2**64 - 1, 0, 1 << 20, 0, 0, 0)
                + bytes(8))
