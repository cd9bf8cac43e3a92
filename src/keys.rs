// SPDX-License-Identifier: GPL-2.0-only

//! Keys, from the master key to those of extents, and what they are made from.

pub(crate) mod extent_prk;
pub(crate) mod hkdf;
pub(crate) mod key;
pub(crate) mod nonce;
pub(crate) mod secret;
