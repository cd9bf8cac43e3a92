// SPDX-License-Identifier: GPL-2.0-only

//! All state of the module.

use crate::{
    blk_crypto::Device,
    cache::{
        Counters,
        Volumes, //
    },
    devices::{
        Devices,
        OpenDevice, //
    },
    log::pr_err_ratelimited,
    mode::MODES,
    pool::Pool,
    root::{
        ExtentRoot,
        Roots, //
    },
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
    pools: [Pool; MODES.len()],
    /// The master keys in use.
    #[pin]
    pub(crate) roots: Roots,
    #[pin]
    devices: Devices,
}

impl Engine {
    /// Makes an engine with pools of `size` ciphers, and as many keys for each device.
    pub(crate) fn new(size: u16) -> impl PinInit<Self> {
        pin_init!(Self {
            pool_size: size,
            pools <- pin_init::pin_init_array_from_fn(|i| Pool::new(&MODES[i], size)),
            roots <- Roots::new(),
            devices <- Devices::new(),
        })
    }

    /// The pool of the mode `FSCRYPT_MODE_*`; `EINVAL` if it isn't for contents.
    pub(crate) fn pool(&self, mode: u8) -> Result<&Pool> {
        self.pools
            .iter()
            .find(|pool| pool.mode.number == mode)
            .ok_or_else(|| {
                pr_err_ratelimited!("Mode {} is not for contents\n", mode);
                EINVAL
            })
    }

    /// Prints what an operator may know: numbers, but no names of keys.
    pub(crate) fn show(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (roots, handles) = self.roots.count();

        writeln!(f, "master keys {roots}")?;
        writeln!(f, "handles {handles}")?;
        for pool in &self.pools {
            let Some(counters) = pool.cache().map(|cache| cache.counters()) else {
                continue;
            };

            writeln!(f, "\nmode {}", pool.mode.name)?;
            show_cache(f, "", pool.size, "waits", &counters)?;
            writeln!(f, "wakeups {}", counters.wakeups)?;
            show_volumes(f, "", &counters.volumes[0])?;
        }

        let mut result = Ok(());
        self.devices.for_each(|device| {
            result = result.and_then(|()| {
                let counters = device.keys.counters();
                let (major, minor) = device.numbers;

                writeln!(f, "\ndevice {major}:{minor}")?;
                show_cache(f, "blk-crypto ", self.pool_size.into(), "busy", &counters)?;
                show_volumes(f, "blk-crypto fallback ", &counters.volumes[0])?;
                show_volumes(f, "blk-crypto hardware ", &counters.volumes[1])
            });
        });
        result
    }

    /// Ends a handle's use of `root`. With the last one, wipes all keys derived from it; the root
    /// itself is wiped when the caller drops it. Context as in
    /// [`Cache::purge`](crate::cache::Cache::purge).
    pub(crate) fn put_root(&self, root: &ExtentRoot) {
        if self.roots.put(root) {
            for pool in &self.pools {
                if let Some(cache) = pool.cache() {
                    cache.purge(root.id);
                }
            }
            self.devices.purge(root.id);
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

fn show_cache(
    f: &mut fmt::Formatter<'_>,
    what: &str,
    size: usize,
    busy: &str,
    counters: &Counters,
) -> fmt::Result {
    writeln!(f, "{what}slots {size}")?;
    writeln!(f, "{what}hits {}", counters.hits)?;
    writeln!(f, "{what}misses {}", counters.misses)?;
    writeln!(f, "{what}evictions {}", counters.evictions)?;
    writeln!(f, "{what}derivations {}", counters.derivations)?;
    writeln!(f, "{what}{busy} {}", counters.busy)
}

fn show_volumes(f: &mut fmt::Formatter<'_>, what: &str, volumes: &Volumes) -> fmt::Result {
    writeln!(f, "{what}encrypted bios {}", volumes.encrypted.bios)?;
    writeln!(f, "{what}encrypted bytes {}", volumes.encrypted.bytes)?;
    writeln!(f, "{what}decrypted bios {}", volumes.decrypted.bios)?;
    writeln!(f, "{what}decrypted bytes {}", volumes.decrypted.bytes)
}
