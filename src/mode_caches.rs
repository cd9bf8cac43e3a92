// SPDX-License-Identifier: GPL-2.0-only

//! Preallocation: a mode's cache is made when the mode is first needed, before any I/O needs it.

use crate::{
    c::log,
    cache::Cache,
    crypt::{
        blk_key::{
            BlkKey,
            Device, //
        },
        cipher::Cipher, //
    },
    mode::Mode, //
};
use kernel::{
    prelude::*,
    sync::{
        new_mutex,
        Arc,
        Mutex,
        SetOnce, //
    },
};

/// A mode's caches, which aren't there until the mode is prepared.
#[pin_data]
pub(crate) struct ModeCaches {
    /// The mode.
    pub(crate) mode: &'static Mode,
    /// How many ciphers it has when prepared.
    pub(crate) size: usize,
    cache: SetOnce<Arc<Cache<Cipher>>>,
    /// Set once blk-crypto can be used for the mode.
    blk_crypto: SetOnce<()>,
    #[pin]
    preparing: Mutex<()>,
}

impl ModeCaches {
    /// Those of `mode`, which will have `size` ciphers.
    pub(crate) fn new(mode: &'static Mode, size: u16) -> impl PinInit<Self> {
        pin_init!(Self {
            mode,
            size: size.into(),
            cache: SetOnce::new(),
            blk_crypto: SetOnce::new(),
            preparing <- new_mutex!((), "fscrypt_extent::preparing"),
        })
    }

    /// The cache, if the mode was prepared. Any context.
    pub(crate) fn cache(&self) -> Option<&Arc<Cache<Cipher>>> {
        self.cache.as_ref()
    }

    /// Whether the mode was prepared for blk-crypto. Any context.
    pub(crate) fn has_blk_crypto(&self) -> bool {
        self.blk_crypto.as_ref().is_some()
    }

    /// Whether nothing is left to be prepared, for blk-crypto neither. Any context.
    pub(crate) fn is_prepared(&self) -> bool {
        self.cache().is_some() && self.has_blk_crypto()
    }

    /// Prepares the mode, unless it is.
    ///
    /// Sleeps, allocates with `GFP_KERNEL` and may load modules. `ENOPKG` if the kernel has no such
    /// cipher, `ENOMEM`, or `EINTR` if the task is killed.
    pub(crate) fn prepare(&self) -> Result {
        if self.cache().is_some() {
            return Ok(());
        }

        // Only the first cipher makes the crypto API load modules and put the algorithm together,
        // so do that before other tasks have to wait for the mutex.
        let algorithm = Cipher::new(self.mode).map_err(|error| self.missing(error))?;
        let _preparing = self.preparing.lock();
        if self.cache().is_some() {
            return Ok(());
        }
        pr_info!(
            "{} using implementation \"{}\", {} ciphers\n",
            self.mode.name,
            algorithm.driver_name(),
            self.size
        );
        self.cache
            .populate(Cache::new(self.size, || Cipher::new(self.mode))?);
        Ok(())
    }

    /// Prepares the mode for blk-crypto too, if it isn't. `device` is one that it is used on;
    /// context and errors are those of [`Self::prepare`].
    ///
    /// A kernel without the fallback does without blk-crypto, as any device may need that.
    pub(crate) fn prepare_blk_crypto(&self, device: Device) -> Result {
        if self.has_blk_crypto() {
            return Ok(());
        }
        match BlkKey::start_fallback(self.mode, device) {
            Ok(()) => {
                self.blk_crypto.populate(());
                Ok(())
            }
            Err(ENOPKG) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn missing(&self, error: Error) -> Error {
        if error != ENOENT {
            return error;
        }
        if log::is_allowed() {
            pr_warn!(
                "Missing crypto API support for {} (API name: \"{}\")\n",
                self.mode.name,
                self.mode.cipher
            );
        }
        ENOPKG
    }
}

#[kunit_tests(fscrypt_extent_mode_caches)]
mod tests {
    use super::*;
    use crate::mode::MODES;

    #[test]
    fn prepares_once() -> Result {
        let caches = KBox::pin_init(ModeCaches::new(&MODES[0], 2), GFP_KERNEL)?;

        assert!(caches.cache().is_none());
        caches.prepare()?;
        let first = caches.cache().ok_or(ENODATA)?.clone();
        caches.prepare()?;
        assert!(Arc::ptr_eq(&first, caches.cache().ok_or(ENODATA)?));
        Ok(())
    }

    #[test]
    fn missing_cipher() -> Result {
        static MISSING: Mode = Mode {
            number: 0,
            name: "Test",
            cipher: c"xts(fscrypt-extent-test)",
            blk_crypto: 0,
            key_size: 64,
            iv_size: 16,
        };
        let caches = KBox::pin_init(ModeCaches::new(&MISSING, 2), GFP_KERNEL)?;

        assert_eq!(caches.prepare(), Err(ENOPKG));
        assert!(caches.cache().is_none());
        Ok(())
    }
}
