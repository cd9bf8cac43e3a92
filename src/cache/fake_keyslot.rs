// SPDX-License-Identifier: GPL-2.0-only

//! Keyslots that encrypt nothing, for tests.

use super::Cache;
use crate::{
    c::random,
    keys::{
        key::{
            Key,
            KeyId,
            Keyslot, //
        },
        nonce::{
            Nonce,
            NONCE_SIZE, //
        }, //
    },
    mode::Direction,
    stats::IoInfo, //
};
use core::cell::Cell;
use kernel::prelude::*;

/// What tests want slots for.
pub(crate) const IO: IoInfo = IoInfo {
    direction: Direction::Encrypt,
    bytes: 4096,
};

/// Knows which key it has.
pub(crate) struct FakeKeyslot(Option<KeyId>);

impl FakeKeyslot {
    /// One without a key.
    pub(crate) fn new() -> Self {
        Self(None)
    }

    /// The key it has.
    pub(crate) fn key(&self) -> Option<KeyId> {
        self.0
    }
}

impl Keyslot for FakeKeyslot {
    /// Refuses keys that are all zeroes.
    fn program(&mut self, id: &KeyId, key: &Key) -> Result {
        self.0 = Some(*id);
        if key.iter().all(|&byte| byte == 0) {
            return Err(EINVAL);
        }
        Ok(())
    }

    fn wipe(&mut self) {
        self.0 = None;
    }
}

/// Some nonce that is no other's.
pub(crate) fn random_nonce() -> Nonce {
    let mut bytes = [0; NONCE_SIZE];

    random::fill(&mut bytes);
    Nonce::new(bytes)
}

/// Gets and puts a slot, and returns whether the key was there.
pub(crate) fn hits(cache: &Cache<impl Keyslot>, id: KeyId) -> Result<bool> {
    let derived = Cell::new(false);

    drop(cache.get(id, IO, |key| {
        derived.set(true);
        random::fill(key);
    })?);
    Ok(!derived.get())
}
