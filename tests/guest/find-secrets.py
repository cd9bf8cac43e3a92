# SPDX-License-Identifier: GPL-2.0-only
"""Print how often a memory dump has a master key and what is derived from it.

usage: find-secrets.py VERSION KEYFILE DUMP KIND:NONCE...

VERSION is the policies'.  KEYFILE has the complement of the key.  A NONCE, in
hexadecimal, is an extent's, a directory's, or that of a file with a key of its own;
KIND is extent, names or contents.  The modes are AES-256-XTS and AES-256-CTS.

Prints lines "COUNT OWNER: WHAT".  OWNER is master, root, i.e. the extent root, or a
KIND.
"""
import hashlib
import hmac
import struct
import sys

MASK = (1 << 64) - 1
PIECE = 1 << 16


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


K = [root_fraction(p, 3) for p in primes(80)]
INITIAL = [root_fraction(p, 2) for p in primes(8)]


def message_schedule(block):
    w = list(struct.unpack(">16Q", block))
    for i in range(16, 80):
        x, y = w[i - 15], w[i - 2]
        s0 = rotate(x, 1) ^ rotate(x, 8) ^ x >> 7
        s1 = rotate(y, 19) ^ rotate(y, 61) ^ y >> 6
        w.append(w[i - 16] + s0 + w[i - 7] + s1 & MASK)
    return w


def words(values):
    """What they are in the memory of x86."""
    return struct.pack(f"<{len(values)}Q", *(value & MASK for value in values))


def compress(block):
    """SHA-512's state after one block."""
    w = message_schedule(block)
    a, b, c, d, e, f, g, h = INITIAL
    for i in range(80):
        s1 = rotate(e, 14) ^ rotate(e, 18) ^ rotate(e, 41)
        t1 = h + s1 + (e & f ^ ~e & g) + K[i] + w[i]
        s0 = rotate(a, 28) ^ rotate(a, 34) ^ rotate(a, 39)
        t2 = s0 + (a & b ^ a & c ^ b & c)
        a, b, c, d, e, f, g, h = t1 + t2 & MASK, a, b, c, d + t1 & MASK, e, f, g
    return words([x + y for x, y in zip(INITIAL, (a, b, c, d, e, f, g, h))])


def working_memory(block):
    """What SHA-512 has of a block that begins with 64 secret bytes.

    The C code has the last sixteen words of the message schedule in the end, the
    one for SSSE3 all of them, and that for AVX2 the sums of the last four and the
    round constants.
    """
    w = message_schedule(block)
    return [words(w[i : i + 2]) for i in (*range(0, 8, 2), *range(64, 80, 2))] + [
        words([w[i] + K[i], w[i + 1] + K[i + 1]]) for i in (76, 78)]


def double(x):
    """Multiplication by x in the field of AES."""
    return x << 1 ^ (0x11B if x & 0x80 else 0)


def multiply(x, y):
    product = 0
    while y:
        if y & 1:
            product ^= x
        x, y = double(x), y >> 1
    return product


def substitution(x):
    """The S-box of AES."""
    inverse = next((y for y in range(256) if multiply(x, y) == 1), 0)
    result = 0x63
    for shift in range(5):
        result ^= (inverse << shift | inverse >> 8 - shift) & 0xFF
    return result


SBOX = [substitution(x) for x in range(256)]


def round_keys(key):
    """The round keys of AES-256, as in FIPS 197."""
    words = [key[i : i + 4] for i in range(0, 32, 4)]
    constant = 1
    for i in range(8, 60):
        word = words[i - 1]
        if i % 8 == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = double(constant)
        elif i % 8 == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(words[i - 8], word)))
    return [b"".join(words[i : i + 4]) for i in range(0, 60, 4)]


def inverse_mix_columns(round_key):
    """What decryption has instead of a round key."""
    result = bytearray()
    for i in range(0, 16, 4):
        column = round_key[i : i + 4]
        for row in range(4):
            result.append(multiply(column[row], 14) ^ multiply(column[(row + 1) % 4], 11)
                          ^ multiply(column[(row + 2) % 4], 13) ^ multiply(column[(row + 3) % 4], 9))
    return bytes(result)


def pad(key, byte):
    return bytes(b ^ byte for b in key.ljust(128, b"\0"))


def hmac_secrets(owner, key):
    """What HMAC-SHA512 with this key makes of it."""
    blocks = pad(key, 0x36), pad(key, 0x5C)
    return {
        f"{owner}: as HMAC key": [key, *(block[:64] for block in blocks)],
        f"{owner}: HMAC state": [compress(block) for block in blocks],
        f"{owner}: in SHA-512": [piece for block in blocks for piece in working_memory(block)],
    }


def cipher_secrets(owner, key):
    halves = [key[i : i + 32] for i in range(0, len(key), 32)]
    expanded = [part for half in halves for part in round_keys(half)[2:]]
    return {
        f"{owner}: key": halves,
        f"{owner}: expanded for encryption": expanded,
        f"{owner}: expanded for decryption": [inverse_mix_columns(part) for half in halves
                                              for part in round_keys(half)[1:14]],
    }


def secrets(version, master_key, nonces):
    prk = sha512(bytes(64), master_key)
    root = expand(prk, b"\x09")
    # The second block of the inner hash of HKDF-Extract
    block = (master_key + b"\x80").ljust(126, b"\0") + (1536).to_bytes(2, "big")
    found = {
        "master: key": [master_key],
        "master: key in SHA-512": working_memory(block),
    }
    found |= hmac_secrets("master: PRK", prk)
    found |= hmac_secrets("root", root)
    for kind, nonce in nonces:
        if kind == "extent":
            found |= cipher_secrets(kind, expand(root, b"\x09" + nonce))
        elif version == 2:
            key = expand(prk, b"\x02" + nonce)
            found |= cipher_secrets(kind, key[:32] if kind == "names" else key)
    return found


def read_memory(path):
    """The dump without what was never used."""
    pieces = []
    zeroes = bytes(PIECE)
    with open(path, "rb") as file:
        while piece := file.read(PIECE):
            if piece != zeroes:
                pieces.append(piece)
    return b"".join(pieces)


def main():
    version, key_path, dump_path, *nonces = sys.argv[1:]
    nonces = [argument.split(":") for argument in nonces]
    nonces = [(kind, bytes.fromhex(nonce)) for kind, nonce in nonces]
    with open(key_path, "rb") as file:
        master_key = bytes(b ^ 0xFF for b in file.read())
    memory = read_memory(dump_path)
    for what, patterns in secrets(int(version), master_key, nonces).items():
        print(sum(memory.count(pattern) for pattern in patterns), what)


if __name__ == "__main__":
    main()
