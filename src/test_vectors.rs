// SPDX-License-Identifier: GPL-2.0-only

//! What several test suites take and expect.

use crate::keys::nonce::Nonce;
use kernel::prelude::*;

/// HKDF-Extract, with SHA-512 and no salt, of the master key 00..3f.
pub(crate) const MASTER_PRK: [u8; 64] =
    *b"\xd0\x1b\x94\xe6\xc3\x30\x09\x23\x8d\x64\x6e\x1b\x4b\xd4\x15\xbe\
       \x27\xc4\x74\x37\xd8\xf0\xe4\x50\x03\xed\x68\x4b\x1e\x1c\xf6\xe6\
       \x40\x99\xb4\x46\x9e\xf6\x2d\x99\xb3\xfb\xc1\xe9\x8e\x65\xa5\x5b\
       \xf8\xda\x5a\x1a\x83\xe9\x67\xd2\x6b\x86\x59\xfc\xd3\x43\x2a\x17";

/// The nonce a0..af.
pub(crate) const NONCE: Nonce =
    Nonce::new(*b"\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf");

/// `len` bytes of test data.
pub(crate) fn pattern(len: usize) -> Result<KVec<u8>> {
    let mut data = KVec::with_capacity(len, GFP_KERNEL)?;

    for i in 0..len {
        data.push((7 * i + 3) as u8, GFP_KERNEL)?;
    }
    Ok(data)
}

/// The first and the last 16 bytes of `data`.
pub(crate) fn ends(data: &[u8]) -> Result<(u128, u128)> {
    let first = data.first_chunk().ok_or(EINVAL)?;
    let last = data.last_chunk().ok_or(EINVAL)?;

    Ok((u128::from_be_bytes(*first), u128::from_be_bytes(*last)))
}
