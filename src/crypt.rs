// SPDX-License-Identifier: GPL-2.0-only

//! Encrypting and decrypting: ciphers, what they are given, and keys for blk-crypto.

pub(crate) mod blk_key;
pub(crate) mod cipher;
pub(crate) mod data_unit;
pub(crate) mod iv;
pub(crate) mod tag;
#[cfg(CONFIG_KUNIT = "y")]
pub(crate) mod test_bio;
