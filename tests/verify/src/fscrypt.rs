// SPDX-License-Identifier: GPL-2.0-only

//! Keys, ciphers, and what is decrypted with them: names, symlinks and contents, as `btrfs` has
//! them.

pub mod adiantum;
pub mod cipher;
pub mod contents;
pub mod hctr2;
pub mod kdf;
pub mod names;
pub mod policy;
pub mod tags;
