// SPDX-License-Identifier: GPL-2.0-only

//! Key derivation: HKDF-SHA512 (RFC 5869), with the info strings of fscrypt.
//!
//! Extent keys are derived in two steps, so that nothing that stays in memory for an open file can
//! derive anything but keys of extents:
//!
//! ```text
//! kdf         fs/crypto's HKDF-Extract of the master key
//! extent PRK  Expand(kdf, "fscrypt\0" || 0xf0, 64 bytes)
//! extent key  Expand(extent PRK, "fscrypt\0" || 0xf0 || nonce, the mode's key size)
//! ```
//!
//! Where contents are authenticated, each mode and data unit size has an extent PRK of its own, so
//! that neither can be changed in an inode's context without a trace. The keys of the tags come
//! from it as well:
//!
//! ```text
//! extent PRK  Expand(kdf, "fscrypt\0" || 0xf1 || mode || log2 of data unit size, 64 bytes)
//! tag key     Expand(extent PRK, "fscrypt\0" || 0xf1, 48 bytes)
//! ```
//!
//! All outputs are at most 64 bytes, so of the output of HKDF-Expand only the first block is ever
//! needed; a shorter output is its beginning.

use crate::{
    c::bindings::{
        HKDF_CONTEXT_EXTENT_AUTH,
        HKDF_CONTEXT_EXTENT_KEY, //
    },
    crypt::tag::TagKey,
    keys::{
        nonce::{
            Nonce,
            NONCE_SIZE, //
        },
        secret::Secret, //
    }, //
};
use core::mem::MaybeUninit;
use kernel::{
    bindings,
    bindings::hmac_sha512_key,
    prelude::*, //
};

/// Size of one block of output, in bytes.
pub(crate) const BLOCK_SIZE: usize = 64;

/// `HKDF_CONTEXT_*` of what only this module derives.
const EXTENT_KEY: u8 = HKDF_CONTEXT_EXTENT_KEY as u8;
const EXTENT_AUTH: u8 = HKDF_CONTEXT_EXTENT_AUTH as u8;

/// What to derive. The first byte after `"fscrypt\0"` is an `HKDF_CONTEXT_*`, of
/// `include/linux/fscrypt_extent.h` or of `fs/crypto/fscrypt_private.h`.
pub(crate) enum Info<'a> {
    /// From a master key: what the keys of all its extents are derived from.
    ExtentPrk,
    /// The same where contents are authenticated, for `FSCRYPT_MODE_*` and data units of that
    /// size, a power of two.
    AuthenticatedPrk { mode: u8, data_unit_bits: u8 },
    /// From an extent PRK: the key of one extent.
    ExtentKey(&'a Nonce),
    /// From the extent PRK of authenticated contents: what their tags are made with.
    TagKey,
    /// From a master key: the key that `FSCRYPT_POLICY_FLAG_DIRECT_KEY` uses for all data in one
    /// encryption mode, `FSCRYPT_MODE_*`.
    DirectKey(u8),
}

/// HKDF-Expand of a master key or an extent PRK, prepared as HMAC key in `prk`. Any context.
pub(crate) fn expand(prk: &hmac_sha512_key, info: Info<'_>, okm: &mut [u8; BLOCK_SIZE]) {
    // Each message ends with the number of the block.
    match info {
        Info::ExtentPrk => {
            let mut message = *b"fscrypt\0_\x01";

            message[8] = EXTENT_KEY;
            hmac(prk, &message, okm);
        }
        Info::AuthenticatedPrk {
            mode,
            data_unit_bits,
        } => {
            let mut message = *b"fscrypt\0___\x01";

            message[8..11].copy_from_slice(&[EXTENT_AUTH, mode, data_unit_bits]);
            hmac(prk, &message, okm);
        }
        Info::ExtentKey(nonce) => {
            let mut message = *b"fscrypt\0________nonce____\x01";

            message[8] = EXTENT_KEY;
            message[9..][..NONCE_SIZE].copy_from_slice(nonce.as_bytes());
            hmac(prk, &message, okm);
        }
        Info::TagKey => {
            let mut message = *b"fscrypt\0_\x01";

            message[8] = EXTENT_AUTH;
            hmac(prk, &message, okm);
        }
        Info::DirectKey(mode) => {
            let mut message = *b"fscrypt\0\x03_\x01";

            message[9] = mode;
            hmac(prk, &message, okm);
        }
    }
}

fn hmac(key: &hmac_sha512_key, message: &[u8], digest: &mut [u8; BLOCK_SIZE]) {
    let mut hmac = MaybeUninit::<bindings::hmac_sha512_ctx>::uninit();
    let hmac = hmac.as_mut_ptr();

    // SAFETY: `hmac` is writable, `key` is a prepared key, `message` is valid for reads of its
    // length, and `digest` has room for a SHA-512 digest. The inner context is what
    // hmac_sha512_init() and hmac_sha512_update(), which are inline, operate on. The last call also
    // zeroizes `hmac`.
    unsafe {
        bindings::__hmac_sha512_init(&raw mut (*hmac).ctx, &key.key);
        bindings::__sha512_update(
            &raw mut (*hmac).ctx.sha_ctx,
            message.as_ptr(),
            message.len(),
        );
        bindings::hmac_sha512_final(hmac, digest.as_mut_ptr());
    }
}

/// Prepares an extent PRK, or the output of HKDF-Extract, as the key of HMAC.
pub(crate) fn prepare(prk: &[u8; BLOCK_SIZE], key: &mut hmac_sha512_key) {
    // SAFETY: `key` is writable and `prk` is valid for reads of its length.
    unsafe { bindings::hmac_sha512_preparekey(key, prk.as_ptr(), prk.len()) };
}

/// Derives and prepares the extent PRK `info` of the master key of `kdf`. Any context.
pub(crate) fn extent_prk<'a>(
    kdf: &'a hmac_sha512_key,
    info: Info<'a>,
) -> impl PinInit<Secret<hmac_sha512_key>> + 'a {
    Secret::new(|key| {
        pin_init::stack_pin_init!(let prk = Secret::new(|okm| expand(kdf, info, okm)));
        prepare(&prk, key);
    })
}

/// Derives and prepares the tag key of an extent PRK. Any context.
pub(crate) fn tag_key(prk: &hmac_sha512_key) -> impl PinInit<Secret<TagKey>> + '_ {
    Secret::new(|key: &mut TagKey| {
        pin_init::stack_pin_init!(let okm = Secret::new(|okm| expand(prk, Info::TagKey, okm)));
        key.prepare(&okm);
    })
}

#[kunit_tests(fscrypt_extent_hkdf)]
mod tests {
    use super::*;
    use crate::test_vectors::{
        AUTHENTICATED,
        MASTER_PRK,
        NONCE, //
    };

    /// Expands `prk` with HKDF-SHA512, and compares. `message` is the info and the byte 1.
    fn expands_to(prk: &[u8; BLOCK_SIZE], message: &[u8], expected: &[u8]) -> bool {
        let mut key = hmac_sha512_key::default();
        let mut okm = [0; BLOCK_SIZE];

        prepare(prk, &mut key);
        hmac(&key, message, &mut okm);
        okm.starts_with(expected)
    }

    /// The inputs of RFC 5869's test case 1 with SHA-512; the outputs are those that Wycheproof and
    /// other collections of test vectors have.
    #[test]
    fn rfc5869_case_1() {
        assert!(expands_to(
            b"\x66\x57\x99\x82\x37\x37\xde\xd0\x4a\x88\xe4\x7e\x54\xa5\x89\x0b\
              \xb2\xc3\xd2\x47\xc7\xa4\x25\x4a\x8e\x61\x35\x07\x23\x59\x0a\x26\
              \xc3\x62\x38\x12\x7d\x86\x61\xb8\x8c\xf8\x0e\xf8\x02\xd5\x7e\x2f\
              \x7c\xeb\xcf\x1e\x00\xe0\x83\x84\x8b\xe1\x99\x29\xc6\x1b\x42\x37",
            b"\xf0\xf1\xf2\xf3\xf4\xf5\xf6\xf7\xf8\xf9\x01",
            b"\x83\x23\x90\x08\x6c\xda\x71\xfb\x47\x62\x5b\xb5\xce\xb1\x68\xe4\
              \xc8\xe2\x6a\x1a\x16\xed\x34\xd9\xfc\x7f\xe9\x2c\x14\x81\x57\x93\
              \x38\xda\x36\x2c\xb8\xd9\xf9\x25\xd7\xcb",
        ));
    }

    /// Test case 3, without info.
    #[test]
    fn rfc5869_case_3() {
        assert!(expands_to(
            b"\xfd\x20\x0c\x49\x87\xac\x49\x13\x13\xbd\x4a\x2a\x13\x28\x71\x21\
              \x24\x72\x39\xe1\x1c\x9e\xf8\x28\x02\x04\x4b\x66\xef\x35\x7e\x5b\
              \x19\x44\x98\xd0\x68\x26\x11\x38\x23\x48\x57\x2a\x7b\x16\x11\xde\
              \x54\x76\x40\x94\x28\x63\x20\x57\x8a\x86\x3f\x36\x56\x2b\x0d\xf6",
            b"\x01",
            b"\xf5\xfa\x02\xb1\x82\x98\xa7\x2a\x8c\x23\x89\x8a\x87\x03\x47\x2c\
              \x6e\xb1\x79\xdc\x20\x4c\x03\x42\x5c\x97\x0e\x3b\x16\x4b\xf9\x0f\
              \xff\x22\xd0\x48\x36\xd0\xe2\x34\x3b\xac",
        ));
    }

    /// The master key 00..3f and the nonce a0..af; computed with Python's `hmac`.
    #[test]
    fn two_steps() -> Result {
        let mut kdf = hmac_sha512_key::default();
        let mut okm = [0; BLOCK_SIZE];

        prepare(&MASTER_PRK, &mut kdf);
        let prk = KBox::pin_init(extent_prk(&kdf, Info::ExtentPrk), GFP_KERNEL)?;
        expand(&prk, Info::ExtentKey(&NONCE), &mut okm);
        assert!(
            okm == *b"\xa1\x46\x53\x41\x6e\x48\xe9\x9f\xc5\xc7\x32\x61\x19\xcc\x05\x61\
                      \x1f\x83\x80\x34\x19\x36\x50\xc4\x37\x03\xfd\x86\xa1\xb2\x85\x8a\
                      \x80\x9c\x7f\x4c\xaf\x22\xed\x3a\xd3\xa4\x35\x54\x43\xef\xb4\x70\
                      \xe1\x45\xe3\x4a\x04\xe3\x8f\x8d\xef\xa2\xf3\x70\x8e\x49\xf2\x3a"
        );

        expand(&kdf, Info::DirectKey(9), &mut okm);
        assert!(
            okm.starts_with(b"\x9e\xfb\x31\x53\x4e\x24\x4d\xd4\xc2\x51\xdd\x5d\x54\x0c\x71\x4a")
        );
        Ok(())
    }

    /// The same where contents are authenticated.
    #[test]
    fn authenticated() -> Result {
        let info = || Info::AuthenticatedPrk {
            mode: 1,
            data_unit_bits: 12,
        };
        let mut kdf = hmac_sha512_key::default();
        let mut okm = [0; BLOCK_SIZE];

        prepare(&MASTER_PRK, &mut kdf);
        expand(&kdf, info(), &mut okm);
        assert!(okm == AUTHENTICATED.prk);
        let prk = KBox::pin_init(extent_prk(&kdf, info()), GFP_KERNEL)?;
        expand(&prk, Info::ExtentKey(&NONCE), &mut okm);
        assert!(okm == AUTHENTICATED.extent_key);
        expand(&prk, Info::TagKey, &mut okm);
        assert!(okm.starts_with(&AUTHENTICATED.tag_key));
        Ok(())
    }
}
