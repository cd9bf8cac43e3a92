// SPDX-License-Identifier: GPL-2.0-only

//! The engine's cache in userland, for loom to try in which orders its tasks can run.
//!
//! `cache.rs`, `table.rs` and `rings.rs` are the engine's own files. The rest stands in for what
//! they use: the kernel, and what the engine's other modules have.

// Not all that there is is tried.
#![allow(dead_code)]

extern crate self as kernel;

mod kernel_crate;
pub use kernel_crate::{alloc, error, prelude, sync, task};

#[path = "../../../src/cache.rs"]
mod cache;
#[path = "../../../src/rings.rs"]
mod rings;
#[path = "../../../src/table.rs"]
mod table;

#[cfg(test)]
mod models;

mod cipher {
    use crate::{mode::MAX_KEY_SIZE, secret::Secret};

    pub(crate) type Key = Secret<[u8; MAX_KEY_SIZE]>;

    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) enum Direction {
        Encrypt,
        Decrypt,
    }
}

mod context {
    #[derive(Clone, Copy, PartialEq, Eq)]
    pub(crate) struct Nonce(pub(crate) u32);

    impl Nonce {
        pub(crate) fn words(&self) -> [u32; 4] {
            [self.0; 4]
        }
    }
}

mod mode {
    pub(crate) const MAX_KEY_SIZE: usize = 64;

    #[derive(PartialEq, Eq)]
    pub(crate) struct Mode;
}

mod random {
    /// All runs of a model must do the same.
    pub(crate) fn number() -> u64 {
        1
    }
}

mod root {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct RootId(pub(crate) u64);

    impl RootId {
        pub(crate) fn number(self) -> u64 {
            self.0
        }
    }
}

mod secret {
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

mod trace {
    use crate::table::KeyName;

    pub(crate) fn miss(_key: &KeyName, _slot: usize) {}

    pub(crate) fn evict(_key: &KeyName, _slot: usize) {}

    pub(crate) fn wipe(_key: &KeyName, _slot: usize) {}
}
