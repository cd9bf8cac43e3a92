// SPDX-License-Identifier: GPL-2.0-only

//! Nonces of extents. fs/crypto makes them, and validates those that come from the disk.

use crate::c::bindings::{
    fscrypt_extent_nonce,
    FSCRYPT_EXTENT_NONCE_SIZE, //
};
use kernel::prelude::*;

/// Number of bytes of a nonce.
pub(crate) const NONCE_SIZE: usize = FSCRYPT_EXTENT_NONCE_SIZE as usize;

/// Identifies an extent among those of its master key. Random, and no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; NONCE_SIZE]);

impl Nonce {
    /// The nonce of these bytes, as stored.
    pub(crate) const fn new(bytes: [u8; NONCE_SIZE]) -> Self {
        Self(bytes)
    }

    /// The bytes that are hashed and stored.
    pub(crate) fn as_bytes(&self) -> &[u8; NONCE_SIZE] {
        &self.0
    }

    /// The nonce as numbers, to hash.
    pub(crate) fn words(&self) -> [u32; 4] {
        let nonce = u128::from_ne_bytes(self.0);

        [0, 32, 64, 96].map(|shift| (nonce >> shift) as u32)
    }
}

impl From<&fscrypt_extent_nonce> for Nonce {
    fn from(nonce: &fscrypt_extent_nonce) -> Self {
        Self::new(nonce.bytes)
    }
}

/// What is done in C with extent contexts: nothing else runs without a filesystem.
#[kunit_tests(fscrypt_extent_nonce)]
mod tests {
    use super::*;
    use crate::c::bindings::{
        fscrypt_extent_context,
        helper_get_extent_context,
        helper_set_extent_context, //
    };
    use kernel::error::to_result;

    const CONTEXT: [u8; 18] = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    fn parse(context: &[u8]) -> Result<fscrypt_extent_nonce> {
        let mut nonce = fscrypt_extent_nonce { bytes: [0; 16] };

        // SAFETY: The context is valid for reads of its length, and the nonce for writes.
        to_result(unsafe {
            helper_get_extent_context(context.as_ptr(), context.len(), &mut nonce)
        })?;
        Ok(nonce)
    }

    #[test]
    fn version_1() -> Result {
        let nonce = parse(&CONTEXT[..17])?;
        let mut context = fscrypt_extent_context {
            version: 0,
            nonce: fscrypt_extent_nonce { bytes: [0; 16] },
        };

        assert!(nonce.bytes[..] == CONTEXT[1..17]);
        // SAFETY: The nonce is valid for reads, and the context for writes.
        unsafe { helper_set_extent_context(&mut context, &nonce) };
        assert_eq!(context.version, CONTEXT[0]);
        assert!({ context.nonce }.bytes == nonce.bytes);
        Ok(())
    }

    #[test]
    fn truncated() {
        for len in 0..17 {
            assert_eq!(parse(&CONTEXT[..len]).err(), Some(EUCLEAN));
        }
    }

    #[test]
    fn oversized() {
        assert_eq!(parse(&CONTEXT).err(), Some(EUCLEAN));
        assert_eq!(parse(&[1; 4096]).err(), Some(EUCLEAN));
    }

    #[test]
    fn unknown_version() {
        let mut context = CONTEXT;

        for version in (0..=u8::MAX).filter(|&version| version != 1) {
            context[0] = version;
            assert_eq!(parse(&context[..17]).err(), Some(EUCLEAN));
        }
    }
}
