// SPDX-License-Identifier: GPL-2.0-only

//! The contents encryption modes of fscrypt.

use crate::c::bindings::{
    blk_crypto_mode_num,
    BLK_ENCRYPTION_MODE_ADIANTUM,
    BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV,
    BLK_ENCRYPTION_MODE_AES_256_XTS,
    BLK_ENCRYPTION_MODE_SM4_XTS,
    FSCRYPT_MODE_ADIANTUM,
    FSCRYPT_MODE_AES_128_CBC,
    FSCRYPT_MODE_AES_256_XTS,
    FSCRYPT_MODE_SM4_XTS, //
};
use core::ptr;
use kernel::str::CStr;

/// Size of the longest key of any mode, in bytes.
pub(crate) const MAX_KEY_SIZE: usize = 64;

/// Size of the longest IV of any mode, in bytes.
pub(crate) const MAX_IV_SIZE: usize = 32;

/// Whether to encrypt or decrypt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    Encrypt,
    Decrypt,
}

/// A contents encryption mode. Sizes are in bytes.
pub(crate) struct Mode {
    /// `FSCRYPT_MODE_*`, as it is in policies.
    pub(crate) number: u8,
    /// What `Documentation/filesystems/fscrypt.rst` calls it.
    pub(crate) name: &'static str,
    /// The crypto API's name of the cipher.
    pub(crate) cipher: &'static CStr,
    /// What blk-crypto calls it.
    pub(crate) blk_crypto: blk_crypto_mode_num,
    pub(crate) key_size: usize,
    pub(crate) iv_size: usize,
}

/// There is one object for each mode.
impl PartialEq for Mode {
    fn eq(&self, other: &Self) -> bool {
        ptr::eq(self, other)
    }
}

impl Eq for Mode {}

/// All the modes.
pub(crate) static MODES: [Mode; 4] = [
    Mode {
        number: FSCRYPT_MODE_AES_256_XTS as u8,
        name: "AES-256-XTS",
        cipher: c"xts(aes)",
        blk_crypto: BLK_ENCRYPTION_MODE_AES_256_XTS,
        key_size: 64,
        iv_size: 16,
    },
    Mode {
        number: FSCRYPT_MODE_AES_128_CBC as u8,
        name: "AES-128-CBC-ESSIV",
        cipher: c"essiv(cbc(aes),sha256)",
        blk_crypto: BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV,
        key_size: 16,
        iv_size: 16,
    },
    Mode {
        number: FSCRYPT_MODE_SM4_XTS as u8,
        name: "SM4-XTS",
        cipher: c"xts(sm4)",
        blk_crypto: BLK_ENCRYPTION_MODE_SM4_XTS,
        key_size: 32,
        iv_size: 16,
    },
    Mode {
        number: FSCRYPT_MODE_ADIANTUM as u8,
        name: "Adiantum",
        cipher: c"adiantum(xchacha12,aes)",
        blk_crypto: BLK_ENCRYPTION_MODE_ADIANTUM,
        key_size: 32,
        iv_size: 32,
    },
];
