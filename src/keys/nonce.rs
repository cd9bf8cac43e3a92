// SPDX-License-Identifier: GPL-2.0-only

//! Extent contexts, the part of the on-disk format that is the engine's.

use crate::c::{
    bindings::{
        fscrypt_extent_context,
        fscrypt_extent_nonce,
        FSCRYPT_EXTENT_CONTEXT_V1,
        FSCRYPT_EXTENT_NONCE_SIZE, //
    },
    random, //
};
use kernel::prelude::*;

/// Number of bytes of a nonce.
pub(crate) const NONCE_SIZE: usize = FSCRYPT_EXTENT_NONCE_SIZE as usize;

/// Identifies an extent among those of its master key. Random, and no secret.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Nonce([u8; NONCE_SIZE]);

impl Nonce {
    /// The nonce for a new extent. Any context.
    pub(crate) fn random() -> Self {
        let [low, high] = [random::number(), random::number()].map(u128::from);

        Self((high << 64 | low).to_ne_bytes())
    }

    /// Reads an extent's context from the disk. The bytes may be anything.
    ///
    /// The context ends with the nonce, and version 1 is the only one: version 2 is reserved.
    /// Everything else is `EUCLEAN`. Any context.
    pub(crate) fn parse_context(context: &[u8]) -> Result<Self> {
        const VERSION: u8 = FSCRYPT_EXTENT_CONTEXT_V1 as u8;
        const { assert!(size_of::<fscrypt_extent_context>() == 1 + NONCE_SIZE) };

        match context {
            [VERSION, nonce @ ..] => nonce.try_into().map(Self).map_err(|_| EUCLEAN),
            _ => Err(EUCLEAN),
        }
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
        Self(nonce.bytes)
    }
}

impl From<Nonce> for fscrypt_extent_nonce {
    fn from(nonce: Nonce) -> Self {
        Self { bytes: nonce.0 }
    }
}

#[kunit_tests(fscrypt_extent_nonce)]
mod tests {
    use super::*;

    const CONTEXT: [u8; 18] = [1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16];

    fn error(context: &[u8]) -> Option<Error> {
        Nonce::parse_context(context).err()
    }

    #[test]
    fn version_1() -> Result {
        let nonce = Nonce::parse_context(&CONTEXT[..17])?;

        assert!(nonce.as_bytes()[..] == CONTEXT[1..17]);
        Ok(())
    }

    #[test]
    fn truncated() {
        for len in 0..17 {
            assert_eq!(error(&CONTEXT[..len]), Some(EUCLEAN));
        }
    }

    #[test]
    fn oversized() {
        assert_eq!(error(&CONTEXT), Some(EUCLEAN));
        assert_eq!(error(&[1; 4096]), Some(EUCLEAN));
    }

    #[test]
    fn unknown_version() {
        let mut context = CONTEXT;

        for version in (0..=u8::MAX).filter(|&version| version != 1) {
            context[0] = version;
            assert_eq!(error(&context[..17]), Some(EUCLEAN));
        }
    }

    #[test]
    fn random_nonces_differ() {
        assert!(Nonce::random() != Nonce::random());
    }
}
