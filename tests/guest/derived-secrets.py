# SPDX-License-Identifier: GPL-2.0-only
"""Print how often a memory dump has what is derived from a master key.

usage: derived-secrets.py KEYFILE NONCE DUMP

KEYFILE has the master key of a v2 policy, NONCE is an extent's in hexadecimal,
and the contents are encrypted with AES-256-XTS.
"""
import hashlib
import hmac
import mmap
import struct
import sys

MASK = (1 << 64) - 1


def sha512(key, data):
    return hmac.new(key, data, hashlib.sha512).digest()


def expand(prk, info):
    return sha512(prk, b"fscrypt\0" + info + b"\1")


def primes(count):
    found = []
    n = 2
    while len(found) < count:
        if all(n % p for p in found):
            found.append(n)
        n += 1
    return found


def root_fraction(n, degree):
    """The first 64 bits of the fraction of a root, as in FIPS 180-4."""
    low, high = 0, n << 64
    while high - low > 1:
        middle = (low + high) // 2
        if middle**degree > n << 64 * degree:
            high = middle
        else:
            low = middle
    return low & MASK


def rotate(x, bits):
    return (x >> bits | x << 64 - bits) & MASK


def compress(block):
    """SHA-512's state after one block, as it is in the memory of x86."""
    k = [root_fraction(p, 3) for p in primes(80)]
    state = [root_fraction(p, 2) for p in primes(8)]
    w = list(struct.unpack(">16Q", block))
    for i in range(16, 80):
        x, y = w[i - 15], w[i - 2]
        s0 = rotate(x, 1) ^ rotate(x, 8) ^ x >> 7
        s1 = rotate(y, 19) ^ rotate(y, 61) ^ y >> 6
        w.append(w[i - 16] + s0 + w[i - 7] + s1 & MASK)
    a, b, c, d, e, f, g, h = state
    for i in range(80):
        s1 = rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)
        t1 = h + s1 + (e & f ^ ~e & g) + k[i] + w[i]
        s0 = rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)
        t2 = s0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = t1 + t2 & MASK, a, b, c, d + t1 & MASK, e, f, g
    return struct.pack("<8Q", *(x + y & MASK for x, y in zip(state, (a, b, c, d, e, f, g, h))))


def pad(key, byte):
    return bytes(b ^ byte for b in key.ljust(128, b"\0"))


def main():
    with open(sys.argv[1], "rb") as file:
        master_key = file.read()
    nonce = bytes.fromhex(sys.argv[2])
    root = expand(sha512(bytes(64), master_key), b"\x09")
    key = expand(root, b"\x09" + nonce)
    # Both halves of the key begin the cipher's key schedules, too.
    secrets = {
        "HMAC state of the extent root": [compress(pad(root, 0x36)), compress(pad(root, 0x5C))],
        "first half of the extent's key": [key[:32]],
        "second half of the extent's key": [key[32:]],
        "anything of these": [root, key[:32], key[32:], compress(pad(root, 0x36))],
    }
    with open(sys.argv[3], "rb") as file:
        dump = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
    for name, parts in secrets.items():
        count = 0
        for part in parts:
            at = dump.find(part)
            while at >= 0:
                count += 1
                at = dump.find(part, at + 1)
        print(count, name)


if __name__ == "__main__":
    main()
