// SPDX-License-Identifier: GPL-2.0-only

//! Initialization vectors.

use crate::{
    keys::nonce::{
        Nonce,
        NONCE_SIZE, //
    },
    mode::MAX_IV_SIZE, //
};
use kernel::prelude::*;

/// The initialization vector of one data unit, of which a mode takes the first
/// [`Mode::iv_size`](crate::mode::Mode::iv_size) bytes. Aligned like a key.
#[repr(align(16))]
pub(crate) struct Iv(pub(super) [u8; MAX_IV_SIZE]);

impl Iv {
    /// The IV of data unit `index` of an extent that has a key of its own.
    pub(crate) fn new(index: u64) -> Self {
        let mut iv = [0; MAX_IV_SIZE];

        iv[..8].copy_from_slice(&index.to_le_bytes());
        Self(iv)
    }

    /// The IV of data unit `index` of an extent that shares its key with others.
    pub(crate) fn with_nonce(index: u64, nonce: &Nonce) -> Self {
        let mut iv = Self::new(index);

        iv.0[8..8 + NONCE_SIZE].copy_from_slice(nonce.as_bytes());
        iv
    }

    /// The IV as blk-crypto takes it.
    pub(crate) fn data_unit_number(&self) -> [u64; MAX_IV_SIZE / 8] {
        let mut words = [0; MAX_IV_SIZE / 8];

        for (word, bytes) in words.iter_mut().zip(self.0.chunks_exact(8)) {
            *word = bytes
                .iter()
                .rev()
                .fold(0, |word, &byte| word << 8 | u64::from(byte));
        }
        words
    }
}

#[kunit_tests(fscrypt_extent_iv)]
mod tests {
    use super::*;
    use crate::test_vectors::NONCE;

    #[test]
    fn iv_layout() {
        let (index, rest) = (b"\x89\x67\x45\x23\x01\0\0\0", [0; 24]);

        assert!(Iv::new(0x1_2345_6789).0[..8] == *index);
        assert!(Iv::new(0x1_2345_6789).0[8..] == rest);
        assert!(Iv::with_nonce(0x1_2345_6789, &NONCE).0[..8] == *index);
        assert!(Iv::with_nonce(0x1_2345_6789, &NONCE).0[8..24] == *NONCE.as_bytes());
        assert!(Iv::with_nonce(0x1_2345_6789, &NONCE).0[24..] == rest[..8]);
        assert!(Iv::new(0x1_2345_6789).data_unit_number() == [0x1_2345_6789, 0, 0, 0]);
        assert!(
            Iv::with_nonce(7, &NONCE).data_unit_number()[1].to_le_bytes() == NONCE.as_bytes()[..8]
        );
        assert!(
            Iv::with_nonce(7, &NONCE).data_unit_number()[2].to_le_bytes() == NONCE.as_bytes()[8..]
        );
    }
}
