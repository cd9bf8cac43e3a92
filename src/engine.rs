// SPDX-License-Identifier: GPL-2.0-only

//! All state of the module.

use crate::{
    c::log::pr_err_ratelimited,
    crypt::blk_key::Device,
    devices::{
        Devices,
        OpenDevice, //
    },
    keys::extent_prk::{
        ExtentPrk,
        ExtentPrks, //
    },
    mode::MODES,
    mode_caches::ModeCaches, //
};
use kernel::{
    fmt,
    prelude::*, //
};

/// The engine.
#[pin_data]
pub(crate) struct Engine {
    /// Number of ciphers for each mode, and of keys for each device.
    pool_size: u16,
    #[pin]
    modes: [ModeCaches; MODES.len()],
    /// The master keys in use.
    #[pin]
    pub(crate) extent_prks: ExtentPrks,
    #[pin]
    devices: Devices,
}

impl Engine {
    /// Makes an engine with `size` ciphers for each mode, and as many keys for each device.
    pub(crate) fn new(size: u16) -> impl PinInit<Self> {
        pin_init!(Self {
            pool_size: size,
            modes <- pin_init::pin_init_array_from_fn(|i| ModeCaches::new(&MODES[i], size)),
            extent_prks <- ExtentPrks::new(),
            devices <- Devices::new(),
        })
    }

    /// The caches of the mode `FSCRYPT_MODE_*`; `EINVAL` if it isn't for contents.
    pub(crate) fn mode_caches(&self, mode: u8) -> Result<&ModeCaches> {
        self.modes
            .iter()
            .find(|caches| caches.mode.number == mode)
            .ok_or_else(|| {
                pr_err_ratelimited!("Mode {} is not for contents\n", mode);
                EINVAL
            })
    }

    /// Prints what an operator may know: numbers, but not which keys there are.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (prks, handles) = self.extent_prks.count();

        writeln!(f, "master keys {prks}")?;
        writeln!(f, "handles {handles}")?;
        for caches in &self.modes {
            let Some(counters) = caches.cache().map(|cache| cache.counters()) else {
                continue;
            };

            writeln!(f, "\nmode {}", caches.mode.name)?;
            counters.show(f, "", caches.size, "waits")?;
            writeln!(f, "wakeups {}", counters.wakeups)?;
            counters.io[0].show(f, "")?;
        }

        let mut result = Ok(());
        self.devices.for_each(|device| {
            result = result.and_then(|()| {
                let counters = device.keys.counters();
                let (major, minor) = device.numbers;

                writeln!(f, "\ndevice {major}:{minor}")?;
                counters.show(f, "blk-crypto ", self.pool_size.into(), "busy")?;
                counters.io[0].show(f, "blk-crypto fallback ")?;
                counters.io[1].show(f, "blk-crypto hardware ")
            });
        });
        result
    }

    /// Ends a handle's use of `prk`. With the last one, wipes all keys derived from it; the PRK
    /// itself is wiped when the caller drops it. Context as in
    /// [`Cache::purge`](crate::cache::Cache::purge).
    pub(crate) fn put_prk(&self, prk: &ExtentPrk) {
        if self.extent_prks.put(prk) {
            for caches in &self.modes {
                if let Some(cache) = caches.cache() {
                    cache.purge(prk.id);
                }
            }
            self.devices.purge(prk.id);
        }
    }

    /// See [`Devices::open`].
    pub(crate) fn open_device(&self, device: Device) -> Result<OpenDevice> {
        self.devices.open(device, self.pool_size.into())
    }

    /// See [`Devices::close`].
    pub(crate) fn close_device(&self, device: &OpenDevice) {
        self.devices.close(device);
    }
}

#[kunit_tests(fscrypt_extent_engine)]
mod tests {
    use super::*;
    use crate::c::bindings::{
        FSCRYPT_MODE_AES_256_CTS,
        FSCRYPT_MODE_AES_256_XTS, //
    };
    use kernel::str::CString;

    struct Text<'a>(&'a Engine);

    impl fmt::Display for Text<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.show(f)
        }
    }

    fn text(engine: &Engine) -> Result<CString> {
        CString::try_from_fmt(fmt!("{}", Text(engine)))
    }

    #[test]
    fn only_modes_for_contents() -> Result {
        let engine = KBox::pin_init(Engine::new(1), GFP_KERNEL)?;

        for mode in &MODES {
            assert!(engine.mode_caches(mode.number)?.mode == mode);
        }
        for number in [0, FSCRYPT_MODE_AES_256_CTS as u8, u8::MAX] {
            assert_eq!(engine.mode_caches(number).err(), Some(EINVAL));
        }
        Ok(())
    }

    #[test]
    fn stats_of_prepared_modes() -> Result {
        let engine = KBox::pin_init(Engine::new(3), GFP_KERNEL)?;

        assert_eq!(text(&engine)?.to_bytes(), b"master keys 0\nhandles 0\n");
        engine
            .mode_caches(FSCRYPT_MODE_AES_256_XTS as u8)?
            .prepare()?;
        assert_eq!(
            text(&engine)?.to_bytes(),
            b"master keys 0\nhandles 0\n\nmode AES-256-XTS\nslots 3\nhits 0\nmisses 0\n\
              evictions 0\nderivations 0\nwaits 0\nwakeups 0\nencrypted bios 0\n\
              encrypted bytes 0\ndecrypted bios 0\ndecrypted bytes 0\n"
        );
        Ok(())
    }
}
