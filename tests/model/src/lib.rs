// SPDX-License-Identifier: GPL-2.0-only

//! The engine's cache in userland, for loom to try in which orders its tasks can run.
//!
//! `cache`, `keys/key.rs` and `stats.rs` are the engine's own files, by symlinks: so the modules in
//! them are found beside them. The rest stands in for what they use: the kernel, and what the
//! engine's other modules have.

// Not all that there is is tried.
#![allow(dead_code)]

extern crate self as kernel;

mod kernel_crate;
pub use kernel_crate::{alloc, error, fmt, prelude, sync, task};

mod cache;
mod stats;

#[cfg(test)]
mod models;

mod c {
    pub(crate) mod random {
        /// All runs of a model must do the same.
        pub(crate) fn number() -> u64 {
            1
        }
    }
}

mod keys {
    pub(crate) mod key;

    pub(crate) mod nonce {
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub(crate) struct Nonce(pub(crate) u32);

        impl Nonce {
            pub(crate) fn words(&self) -> [u32; 4] {
                [self.0; 4]
            }
        }
    }

    pub(crate) mod secret {
        use std::ops::Deref;

        pub(crate) struct Secret<T>(T);

        impl Secret<[u8; 64]> {
            pub(crate) fn new(fill: impl FnOnce(&mut [u8; 64])) -> Self {
                let mut value = [0; 64];

                fill(&mut value);
                Self(value)
            }
        }

        impl<T> Deref for Secret<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    }
}

mod mode {
    pub(crate) const MAX_KEY_SIZE: usize = 64;

    #[derive(PartialEq, Eq)]
    pub(crate) struct Mode;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Direction {
        Encrypt,
        Decrypt,
    }
}

mod trace {
    use crate::keys::key::KeyId;

    pub(crate) fn miss(_key: &KeyId, _slot: usize) {}

    pub(crate) fn evict(_key: &KeyId, _slot: usize) {}

    pub(crate) fn wipe(_key: &KeyId, _slot: usize) {}
}
