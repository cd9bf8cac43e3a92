// SPDX-License-Identifier: GPL-2.0-only

//! Keys for blk-crypto, which encrypts and decrypts whole bios: in the device's inline encryption
//! hardware or, where that can't, in blk-crypto-fallback.

use crate::{
    c::bindings::{
        self,
        blk_crypto_key, //
    },
    crypt::iv::Iv,
    keys::{
        key::{
            Key,
            KeyId,
            KeyKind,
            Keyslot, //
        },
        nonce::NONCE_SIZE,
        secret::Secret, //
    },
    mode::Mode, //
};
use core::{
    num::NonZeroU8,
    ptr::NonNull, //
};
use kernel::{
    bindings::{
        bio,
        block_device,
        MINORBITS, //
    },
    error::to_result,
    prelude::*, //
};

/// An open block device.
#[derive(Clone, Copy)]
pub(crate) struct Device(NonNull<block_device>);

// SAFETY: What is done with the device may be done by any task.
unsafe impl Send for Device {}
// SAFETY: As above.
unsafe impl Sync for Device {}

impl Device {
    /// `None` if there is none.
    ///
    /// # Safety
    ///
    /// `device` must be open as long as this and what is made from it are used.
    pub(crate) unsafe fn new(device: *mut block_device) -> Option<Self> {
        NonNull::new(device).map(Self)
    }

    /// Its major and minor number.
    pub(crate) fn numbers(&self) -> (u32, u32) {
        // SAFETY: The device is open.
        let number = unsafe { (*self.0.as_ptr()).bd_dev };

        (number >> MINORBITS, number & ((1 << MINORBITS) - 1))
    }
}

/// A key as blk-crypto wants it, for one device.
pub(crate) struct BlkKey {
    device: Device,
    /// What bios and the device's keyslots refer to, by its address, from when it was set to its
    /// eviction.
    key: Pin<KBox<Secret<blk_crypto_key>>>,
    /// Whether a keyslot of the device may refer to it.
    is_set: bool,
    is_native: bool,
}

impl BlkKey {
    /// Allocates a key for `device` that isn't set. Sleeps, allocates with `GFP_KERNEL`.
    pub(crate) fn new(device: Device) -> Result<Self> {
        Ok(Self {
            device,
            key: KBox::pin_init(Secret::new(|_| ()), GFP_KERNEL)?,
            is_set: false,
            is_native: false,
        })
    }

    fn set(
        &mut self,
        key: &Key,
        mode: &Mode,
        data_unit_bits: NonZeroU8,
        dun_bytes: u32,
        flags: u32,
    ) -> Result {
        // SAFETY: Both are valid, and `key` has as many bytes as any mode needs.
        to_result(unsafe {
            bindings::blk_crypto_init_key(
                self.key.as_mut().renew(),
                key.as_ptr(),
                mode.key_size,
                bindings::BLK_CRYPTO_KEY_TYPE_RAW,
                mode.blk_crypto,
                dun_bytes,
                1 << data_unit_bits.get(),
                flags as c_int,
            )
        })
    }

    /// Has `bio` encrypted or decrypted with this key, whose slot must be in use until it ended.
    /// May wait for memory that bios give back when they end.
    ///
    /// # Safety
    ///
    /// `bio` must be valid, for the device that the key is used on, and have no encryption context.
    pub(crate) unsafe fn set_context(&self, bio: *mut bio, iv: &Iv) {
        // SAFETY: `bio` is valid. The key isn't changed before the bio ended.
        unsafe {
            bindings::helper_bio_crypt_set_ctx(bio, &**self.key, iv.data_unit_number().as_ptr())
        };
    }

    /// Gets blk-crypto-fallback ready for `mode`.
    ///
    /// Sleeps, allocates with `GFP_KERNEL` and may load modules. `ENOPKG` if the kernel has no such
    /// cipher, or `ENOMEM`.
    pub(crate) fn start_fallback(mode: &Mode, device: Device) -> Result {
        let mut unused = Self::new(device)?;
        let key = KBox::pin_init(Secret::new(|_| ()), GFP_KERNEL)?;

        // Without BLK_CRYPTO_CFG_ALLOW_HW, any device needs the fallback.
        unused.set(&key, mode, const { NonZeroU8::new(12).unwrap() }, 4, 0)?;
        // SAFETY: The device is open, and the key valid.
        to_result(unsafe { bindings::blk_crypto_start_using_key(device.0.as_ptr(), &**unused.key) })
    }
}

impl Keyslot for BlkKey {
    fn program(&mut self, id: &KeyId, key: &Key) -> Result {
        let data_unit_bits = id.data_unit_bits.ok_or(EINVAL)?;
        let dun_bytes = match id.kind {
            // Data unit indices fit into 32 bits, which all hardware supports.
            KeyKind::Extent(_) => 4,
            KeyKind::Direct | KeyKind::RawDirect => 8 + NONCE_SIZE as u32,
        };

        self.wipe();
        self.set(
            key,
            id.mode,
            data_unit_bits,
            dun_bytes,
            bindings::BLK_CRYPTO_CFG_ALLOW_HW,
        )?;
        self.is_set = true;
        let device = self.device.0.as_ptr();
        // SAFETY: The device is open, and the key valid.
        self.is_native = unsafe { bindings::fscrypt_has_inline_hardware(device, &**self.key) };
        Ok(())
    }

    fn wipe(&mut self) {
        if self.is_set {
            // SAFETY: The device is open, and no I/O uses the key.
            unsafe { bindings::blk_crypto_evict_key(self.device.0.as_ptr(), &**self.key) };
        }
        self.is_set = false;
        self.key.as_mut().renew();
    }

    fn is_native(&self) -> bool {
        self.is_native
    }
}

impl Drop for BlkKey {
    fn drop(&mut self) {
        self.wipe();
    }
}

#[kunit_tests(fscrypt_extent_blk_key)]
mod tests {
    use super::*;
    use crate::mode::{
        MAX_KEY_SIZE,
        MODES, //
    };

    /// Of each mode, what blk-crypto is told.
    #[test]
    fn configuration() -> Result {
        for mode in &MODES {
            // No device has the key, as it isn't programmed.
            let mut blk_key = BlkKey::new(Device(NonNull::dangling()))?;
            let key = KBox::pin_init(
                Secret::new(|key: &mut [u8; MAX_KEY_SIZE]| key.fill(7)),
                GFP_KERNEL,
            )?;
            let bits = NonZeroU8::new(9).ok_or(EINVAL)?;

            blk_key.set(&key, mode, bits, 4, bindings::BLK_CRYPTO_CFG_ALLOW_HW)?;
            let set = &**blk_key.key;
            assert_eq!(set.size as usize, mode.key_size);
            assert_eq!(set.crypto_cfg.crypto_mode, mode.blk_crypto);
            assert_eq!(set.crypto_cfg.data_unit_size, 512);
            assert_eq!(set.crypto_cfg.dun_bytes, 4);
            assert!(!blk_key.is_set && !blk_key.is_native());

            blk_key.wipe();
            // SAFETY: The key is valid for reads of its size.
            let left = unsafe {
                core::slice::from_raw_parts(
                    (&raw const **blk_key.key).cast::<u8>(),
                    size_of::<blk_crypto_key>(),
                )
            };
            assert!(left.iter().all(|&byte| byte == 0));
        }
        Ok(())
    }
}
