// SPDX-License-Identifier: GPL-2.0-only

//! Keys: what identifies them, and what they are set in.

use crate::{
    keys::{
        nonce::Nonce,
        secret::Secret, //
    },
    mode::{
        Mode,
        MAX_KEY_SIZE, //
    }, //
};
use core::num::NonZeroU8;
use kernel::prelude::*;

/// A key for a cipher: the first [`Mode::key_size`] bytes count.
pub(crate) type Key = Secret<[u8; MAX_KEY_SIZE]>;

/// Tells extent PRKs apart, without being secret.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PrkId(u64);

impl PrkId {
    /// The one with that number.
    pub(crate) fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number, to hash.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// Identifies a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyId {
    /// The extent PRK that it goes with.
    pub(crate) prk: PrkId,
    /// Which of that PRK's keys it is.
    pub(crate) kind: KeyKind,
    /// The mode it is for.
    pub(crate) mode: &'static Mode,
    /// Data unit size as a power of two, if it is for blk-crypto, to which it is part of the key.
    pub(crate) data_unit_bits: Option<NonZeroU8>,
}

/// Which key of an extent PRK.
///
/// A v1 and a v2 policy with the same master key have the same PRK, but with
/// `FSCRYPT_POLICY_FLAG_DIRECT_KEY` different keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The key of the extent with this nonce.
    Extent(Nonce),
    /// The key that all extents share, of a v2 policy.
    Direct,
    /// The key that all extents share, of a v1 policy.
    RawDirect,
}

/// What a slot of a cache has: something that a key can be set in. Not to be mistaken for the
/// keyslots that blk-crypto knows devices to have.
///
/// Nothing here allocates memory. It is `Sync` because all who want the same key share a slot.
pub(crate) trait Keyslot: Send + Sync {
    /// Sets the key, of which the first [`Mode::key_size`] bytes count. Sleeps. `EINVAL` if it is
    /// weak.
    ///
    /// On error there may be any mixture of the old and the new key, so it must be made to forget
    /// both.
    fn program(&mut self, id: &KeyId, key: &Key) -> Result;

    /// Wipes the key. Sleeps.
    fn wipe(&mut self);

    /// Whether a device has the key, and does the work.
    fn is_native(&self) -> bool {
        false
    }
}
