#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print how often a memory dump has a master key and what is derived from it.

usage: find-secrets.py POLICY KEYFILE DUMP KIND:NONCE...

POLICY is VERSION:CONTENTS:NAMES:FLAGS, the numbers of the policy.  KEYFILE has the
complement of the key.  A NONCE, in hexadecimal, is an extent's, a directory's, or that
of a file with a key of its own; KIND is extent, names or contents.

Prints lines "COUNT OWNER: WHAT".  OWNER is master, extent-prk, a KIND, tags if the flags
have AUTHENTICATED, or mode, which is for the one key that all have with DIRECT_KEY.
"""
import hashlib
import hmac
import struct
import sys

MASK = (1 << 64) - 1
PIECE = 1 << 16

# struct fscrypt_policy
AES_256_XTS, AES_256_CTS, AES_128_CBC, AES_128_CTS, ADIANTUM = 1, 4, 5, 6, 9
KEY_SIZES = {AES_256_XTS: 64, AES_256_CTS: 32, AES_128_CBC: 16, AES_128_CTS: 16, ADIANTUM: 32}
DIRECT_KEY, AUTHENTICATED = 4, 0x80
# log2 of the data unit size
DATA_UNIT_BITS = 12

CHACHA_CONSTANT = b"expand 32-byte k"
# Those of AES-256, twice Poly1305, and NH
ADIANTUM_KEYS_SIZE = 32 + 2 * 16 + 1072

# HKDF contexts
PER_FILE, DIRECT, EXTENT, TAGS = b"\x02", b"\x03", b"\xf0", b"\xf1"


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
    """The round keys of AES-128 or AES-256, as in FIPS 197."""
    words = [key[i : i + 4] for i in range(0, len(key), 4)]
    size = len(words)
    constant = 1
    for i in range(size, 4 * (size + 7)):
        word = words[i - 1]
        if i % size == 0:
            word = bytes(SBOX[b] for b in word[1:] + word[:1])
            word = bytes([word[0] ^ constant]) + word[1:]
            constant = double(constant)
        elif size == 8 and i % size == 4:
            word = bytes(SBOX[b] for b in word)
        words.append(bytes(a ^ b for a, b in zip(words[i - size], word)))
    return [b"".join(words[i : i + 4]) for i in range(0, len(words), 4)]


def mix(block, factors):
    """AES's MixColumns, or with other factors the inverse."""
    result = bytearray()
    for column in range(0, 16, 4):
        for row in range(4):
            a, b, c, d = (multiply(block[column + (row + i) % 4], factors[i]) for i in range(4))
            result.append(a ^ b ^ c ^ d)
    return bytes(result)


def inverse_mix_columns(round_key):
    """What decryption has instead of a round key."""
    return mix(round_key, (14, 11, 13, 9))


def encrypt_block(key, block):
    """AES-128."""
    first, *middle, last = round_keys(key)
    block = xor(block, first)
    for round_key in middle + [last]:
        block = bytes(SBOX[block[(i + i % 4 * 4) % 16]] for i in range(16))
        if round_key is not last:
            block = mix(block, (2, 3, 1, 1))
        block = xor(block, round_key)
    return block


def xor(a, b):
    return bytes(x ^ y for x, y in zip(a, b))


def chacha12(block):
    """The permutation, of 16 words."""
    x = list(struct.unpack("<16I", block))

    def quarter(a, b, c, d):
        for to, add, by, bits in (a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7):
            x[to] = x[to] + x[add] & 0xFFFFFFFF
            value = x[by] ^ x[to]
            x[by] = (value << bits | value >> 32 - bits) & 0xFFFFFFFF

    for _ in range(6):
        for i in range(4):
            quarter(i, i + 4, i + 8, i + 12)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return x


def adiantum_keys(key):
    """The stream that Adiantum derives its other keys from, and XChaCha12's subkey."""
    x = chacha12(CHACHA_CONSTANT + key + b"\1" + bytes(15))
    subkey = struct.pack("<8I", *x[:4], *x[12:])
    stream = b""
    for counter in range(ADIANTUM_KEYS_SIZE // 64 + 1):
        block = CHACHA_CONSTANT + subkey + struct.pack("<QQ", counter, 0)
        stream += struct.pack("<16I", *(x + y & 0xFFFFFFFF for x, y in zip(
            chacha12(block), struct.unpack("<16I", block))))
    return stream[:ADIANTUM_KEYS_SIZE], subkey


def poly1305_limbs(key):
    """What the 64-bit C code makes of a Poly1305 key."""
    low, high = struct.unpack("<QQ", key)
    return words([low & 0xFFC0FFFFFFF, (low >> 44 | high << 20) & 0xFFFFFC0FFFF,
                  high >> 24 & 0xFFFFFFC0F])


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


def cipher_secrets(owner, mode, key):
    """What a cipher has of its key."""
    found = {}
    if mode == ADIANTUM:
        stream, subkey = adiantum_keys(key)
        aes, poly1305, nh = [stream[:32]], [stream[32:48], stream[48:64]], stream[64:]
        found[f"{owner}: hash keys"] = [*poly1305, nh]
        found[f"{owner}: hash keys in Poly1305"] = [poly1305_limbs(part) for part in poly1305]
        found[f"{owner}: subkey"] = [subkey]
    elif mode == AES_128_CBC:
        # With the hash of the key, ESSIV encrypts the IV.
        aes = [key, hashlib.sha256(key).digest()]
    else:
        aes = [key[i : i + 32] for i in range(0, len(key), 32)]
    return {
        f"{owner}: key": [key] if mode == ADIANTUM else aes,
        f"{owner}: expanded for encryption": [
            part for key in aes for part in round_keys(key)[len(key) // 16 :]],
        f"{owner}: expanded for decryption": [
            inverse_mix_columns(part) for key in aes for part in round_keys(key)[1:-1]],
    } | found


def secrets(version, contents, names, flags, master_key, nonces):
    prk = sha512(bytes(64), master_key)
    extent_prk = expand(prk, TAGS + bytes([contents, DATA_UNIT_BITS])
                        if flags & AUTHENTICATED else EXTENT)
    # The second block of the inner hash of HKDF-Extract
    block = (master_key + b"\x80").ljust(126, b"\0") + (1536).to_bytes(2, "big")
    found = {
        "master: key": [master_key],
        "master: key in SHA-512": working_memory(block),
    }
    found |= hmac_secrets("master: PRK", prk)
    found |= hmac_secrets("extent-prk", extent_prk)
    if flags & AUTHENTICATED:
        keys = expand(extent_prk, TAGS)
        found |= {"tags: key": [keys[:16], keys[16:48]],
                  "tags: expanded": round_keys(keys[16:48])[2:]}
    if flags & DIRECT_KEY:
        size = KEY_SIZES[contents]
        key = master_key if version == 1 else expand(prk, DIRECT + bytes([contents]))
        return found | cipher_secrets("mode", contents, key[:size])
    for kind, nonce in nonces:
        mode = names if kind == "names" else contents
        size = KEY_SIZES[mode]
        if kind == "extent":
            key = expand(extent_prk, EXTENT + nonce)
        elif version == 2:
            key = expand(prk, PER_FILE + nonce)
        else:
            key = b"".join(encrypt_block(nonce, master_key[i : i + 16]) for i in range(0, size, 16))
        found |= cipher_secrets(kind, mode, key[:size])
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
    policy, key_path, dump_path, *nonces = sys.argv[1:]
    nonces = [argument.split(":") for argument in nonces]
    nonces = [(kind, bytes.fromhex(nonce)) for kind, nonce in nonces]
    with open(key_path, "rb") as file:
        master_key = bytes(b ^ 0xFF for b in file.read())
    memory = read_memory(dump_path)
    for what, patterns in secrets(*map(int, policy.split(":")), master_key, nonces).items():
        print(sum(memory.count(pattern) for pattern in patterns), what)


if __name__ == "__main__":
    main()
