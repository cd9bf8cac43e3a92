// SPDX-License-Identifier: GPL-2.0-only

//! Keys for blk-crypto, which encrypts and decrypts whole bios: in the device's inline encryption
//! hardware or, where that can't, in blk-crypto-fallback.

use crate::{
    bindings::{
        self,
        blk_crypto_key, //
    },
    cipher::{
        Iv,
        Key, //
    },
    context::NONCE_SIZE,
    mode::Mode,
    secret::Secret,
    table::{
        KeyHolder,
        KeyKind,
        KeyName, //
    }, //
};
use core::ptr::NonNull;
use kernel::{
    bindings::{
        bio,
        block_device, //
    },
    error::to_result,
    prelude::*, //
};

/// An open block device. It has the same address until [`crate::cache::Cache::evict`].
#[derive(Clone, Copy, PartialEq, Eq)]
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
    /// `device` must be open, as long as a key is used on it and until its keys were evicted.
    pub(crate) unsafe fn new(device: *mut block_device) -> Option<Self> {
        NonNull::new(device).map(Self)
    }
}

/// Where a key for blk-crypto is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The only device that gets the key, so there is one to evict it from.
    pub(crate) device: Device,
    /// Data unit size, as a power of two.
    pub(crate) data_unit_bits: u8,
}

/// A key as blk-crypto wants it.
pub(crate) struct BlkKey {
    mode: &'static Mode,
    /// What bios and keyslots refer to, by its address, from when it was set to its eviction.
    key: Pin<KBox<Secret<blk_crypto_key>>>,
    /// Where it is used.
    device: Option<Device>,
    in_hardware: bool,
}

impl BlkKey {
    fn set(&mut self, key: &Key, data_unit_bits: u8, dun_bytes: u32, flags: u32) -> Result {
        // SAFETY: Both are valid, and `key` has as many bytes as any mode needs.
        to_result(unsafe {
            bindings::blk_crypto_init_key(
                self.key.as_mut().renew(),
                key.as_ptr(),
                self.mode.key_size,
                bindings::BLK_CRYPTO_KEY_TYPE_RAW,
                self.mode.blk_crypto,
                dun_bytes,
                1 << data_unit_bits,
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
            bindings::inline_bio_crypt_set_ctx(bio, &**self.key, iv.data_unit_number().as_ptr())
        };
    }

    /// Gets blk-crypto-fallback ready for `mode`.
    ///
    /// Sleeps, allocates with `GFP_KERNEL` and may load modules. `ENOPKG` if the kernel has no such
    /// cipher, or `ENOMEM`.
    pub(crate) fn start_fallback(mode: &'static Mode, device: Device) -> Result {
        let mut unused = Self::new(mode)?;
        let key = KBox::pin_init(Secret::new(|_| ()), GFP_KERNEL)?;

        // Without BLK_CRYPTO_CFG_ALLOW_HW, any device needs the fallback.
        unused.set(&key, 12, 4, 0)?;
        // SAFETY: The device is open, and the key valid.
        to_result(unsafe { bindings::blk_crypto_start_using_key(device.0.as_ptr(), &**unused.key) })
    }
}

impl KeyHolder for BlkKey {
    fn new(mode: &'static Mode) -> Result<Self> {
        Ok(Self {
            mode,
            key: KBox::pin_init(Secret::new(|_| ()), GFP_KERNEL)?,
            device: None,
            in_hardware: false,
        })
    }

    fn set_key(&mut self, name: &KeyName, key: &Key) -> Result {
        let place = name.place.ok_or(EINVAL)?;
        let dun_bytes = match name.kind {
            // Data unit indices fit into 32 bits, which all hardware supports.
            KeyKind::Extent(_) => 4,
            KeyKind::Direct | KeyKind::RawDirect => 8 + NONCE_SIZE as u32,
        };

        self.forget_key();
        self.set(
            key,
            place.data_unit_bits,
            dun_bytes,
            bindings::BLK_CRYPTO_CFG_ALLOW_HW,
        )?;
        self.device = Some(place.device);
        let device = place.device.0.as_ptr();
        // SAFETY: The device is open, and the key valid.
        self.in_hardware = unsafe { bindings::fscrypt_has_inline_hardware(device, &**self.key) };
        Ok(())
    }

    fn forget_key(&mut self) {
        if let Some(device) = self.device.take() {
            // SAFETY: The device is open until its keys were evicted, and no I/O uses the key.
            unsafe { bindings::blk_crypto_evict_key(device.0.as_ptr(), &**self.key) };
        }
        self.key.as_mut().renew();
    }

    fn in_hardware(&self) -> bool {
        self.in_hardware
    }
}

impl Drop for BlkKey {
    fn drop(&mut self) {
        self.forget_key();
    }
}
