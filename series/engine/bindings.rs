// SPDX-License-Identifier: GPL-2.0-only

//! The C interfaces: the kernel's, and the module's own, which are in `helpers.c`.

pub(crate) use kernel::bindings::*;

// As they are called in C
pub(crate) const BLK_CRYPTO_KEY_TYPE_RAW: blk_crypto_key_type =
    blk_crypto_key_type_BLK_CRYPTO_KEY_TYPE_RAW;
pub(crate) const BLK_ENCRYPTION_MODE_ADIANTUM: blk_crypto_mode_num =
    blk_crypto_mode_num_BLK_ENCRYPTION_MODE_ADIANTUM;
pub(crate) const BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV: blk_crypto_mode_num =
    blk_crypto_mode_num_BLK_ENCRYPTION_MODE_AES_128_CBC_ESSIV;
pub(crate) const BLK_ENCRYPTION_MODE_AES_256_XTS: blk_crypto_mode_num =
    blk_crypto_mode_num_BLK_ENCRYPTION_MODE_AES_256_XTS;
pub(crate) const BLK_ENCRYPTION_MODE_SM4_XTS: blk_crypto_mode_num =
    blk_crypto_mode_num_BLK_ENCRYPTION_MODE_SM4_XTS;

extern "C" {
    pub(crate) fn helper_aes_encrypt(key: *const aes_enckey, out: *mut u8, input: *const u8);
    pub(crate) fn helper_polyval_update_page(
        ctx: *mut polyval_ctx,
        page: *mut page,
        offset: u32,
        len: u32,
    );

    pub(crate) fn helper_ratelimit() -> bool;

    pub(crate) fn helper_bio_crypt_set_ctx(
        bio: *mut bio,
        key: *const blk_crypto_key,
        dun: *const u64,
    );

    #[cfg(CONFIG_KUNIT = "y")]
    pub(crate) fn helper_set_extent_context(
        ctx: *mut fscrypt_extent_context,
        nonce: *const fscrypt_extent_nonce,
    );
    #[cfg(CONFIG_KUNIT = "y")]
    pub(crate) fn helper_get_extent_context(
        ctx: *const u8,
        len: usize,
        nonce: *mut fscrypt_extent_nonce,
    ) -> kernel::ffi::c_int;

    pub(crate) fn helper_trace_fscrypt_extent_open(mode: u8, prk: u64);
    pub(crate) fn helper_trace_fscrypt_extent_close(mode: u8, prk: u64);
    pub(crate) fn helper_trace_fscrypt_extent_miss(mode: u8, prk: u64, slot: u32);
    pub(crate) fn helper_trace_fscrypt_extent_evict(mode: u8, prk: u64, slot: u32);
    pub(crate) fn helper_trace_fscrypt_extent_wipe(mode: u8, prk: u64, slot: u32);
}
