// SPDX-License-Identifier: GPL-2.0-only

//! All state of the module.

use crate::{
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
    #[pin]
    pools: [Pool; MODES.len()],
    /// The master keys in use.
    #[pin]
    pub(crate) roots: Roots,
}

impl Engine {
    /// Makes an engine with pools of `pool_size` ciphers.
    pub(crate) fn new(pool_size: u16) -> impl PinInit<Self> {
        pin_init!(Self {
            pools <- pin_init::pin_init_array_from_fn(|i| Pool::new(&MODES[i], pool_size)),
            roots <- Roots::new(),
        })
    }

    /// The pool of the mode `FSCRYPT_MODE_*`; `EINVAL` if it isn't for contents.
    pub(crate) fn pool(&self, mode: u8) -> Result<&Pool> {
        self.pools
            .iter()
            .find(|pool| pool.mode.number == mode)
            .ok_or(EINVAL)
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
            writeln!(f, "slots {}", pool.size)?;
            writeln!(f, "hits {}", counters.hits)?;
            writeln!(f, "misses {}", counters.misses)?;
            writeln!(f, "evictions {}", counters.evictions)?;
            writeln!(f, "derivations {}", counters.derivations)?;
            writeln!(f, "waits {}", counters.waits)?;
            writeln!(f, "encrypted bios {}", counters.encrypted.bios)?;
            writeln!(f, "encrypted bytes {}", counters.encrypted.bytes)?;
            writeln!(f, "decrypted bios {}", counters.decrypted.bios)?;
            writeln!(f, "decrypted bytes {}", counters.decrypted.bytes)?;
        }
        Ok(())
    }

    /// Ends a handle's use of `root`. With the last one, wipes all keys derived from it; the root
    /// itself is wiped when the caller drops it. Context as in
    /// [`Cache::purge`](crate::cache::Cache::purge).
    pub(crate) fn put_root(&self, root: &ExtentRoot) {
        if self.roots.put(root) {
            for cache in self.pools.iter().filter_map(Pool::cache) {
                cache.purge(root.id);
            }
        }
    }
}
