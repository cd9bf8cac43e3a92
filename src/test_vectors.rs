// SPDX-License-Identifier: GPL-2.0-only

//! What several test suites take and expect.

use crate::{
    crypt::tag::TAG_KEY_SIZE,
    keys::nonce::Nonce, //
};
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

/// What is derived where contents are authenticated, in mode 1 with data units of 4 KiB, from the
/// master key and nonce above, and tags made with it. Computed with Python's `hmac` and an
/// implementation of POLYVAL that was written for it.
pub(crate) struct Authenticated {
    pub(crate) prk: [u8; 64],
    pub(crate) extent_key: [u8; 64],
    pub(crate) tag_key: [u8; TAG_KEY_SIZE],
}

pub(crate) const AUTHENTICATED: Authenticated = Authenticated {
    prk: *b"\xd4\x83\x7d\x2f\xa1\xaa\xb5\x98\xb5\x2f\xbf\x3c\xac\x2a\x01\xcd\
            \x27\xd2\x0a\x13\x73\xe7\x1c\xfb\xb1\x8d\x03\x12\xa6\xa6\xbc\x04\
            \x81\x17\x9e\x7b\x77\xa0\xbe\xb3\xaa\x6e\x69\x31\x25\x63\x36\x58\
            \xe7\x09\xae\x71\xb4\x1e\x6c\x2f\xc9\x6c\x33\xa8\x2b\x1c\x87\x98",
    extent_key: *b"\x73\x54\x80\x20\xbf\x40\xab\x4e\x6c\xd3\xd3\x35\x00\xf0\x4e\x11\
            \xfc\x15\xdc\x5a\x53\xfc\xf4\xa1\x67\xf1\x0d\x3d\x6c\xc4\x2a\x12\
            \x7e\x51\x68\x9e\xab\x62\x29\x3a\xe2\xa9\x04\x8e\x87\x5a\xb2\x74\
            \xec\xea\x59\x14\x31\xef\x81\xc0\x87\x75\x09\xed\xfc\xb6\x9b\xba",
    tag_key: *b"\xb3\x3a\x81\x4a\xf8\xc6\x35\x2c\x09\x8c\xa7\x93\x5a\x49\x3f\xd9\
            \xb0\xda\x7e\x6b\x37\xe7\x03\x85\x5d\x3d\xc6\xba\x89\xb2\x6f\x76\
            \x12\x6b\x10\xfe\x7f\x8d\x92\xc3\x1b\x63\x7b\x74\x90\xb3\xf7\xce",
};
