// SPDX-License-Identifier: GPL-2.0-only

//! btrfs on the disk: devices, trees, items, files and their paths; and changes of it.  Uses `fscrypt`
//! for names and contents.

pub mod chunk;
pub mod compression;
pub mod device;
pub mod edit;
pub mod fields;
pub mod filesystem;
pub mod items;
pub mod le;
pub mod mutation;
pub mod namespace;
pub mod superblock;
pub mod targets;
pub mod tree;
pub mod volume;
