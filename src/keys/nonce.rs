// SPDX-License-Identifier: GPL-2.0-only

//! Nonces of extents. fs/crypto makes them, and validates those that come from the disk.

use crate::c::bindings::{
    fscrypt_extent_nonce,
    FSCRYPT_EXTENT_NONCE_SIZE, //
};

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
