// SPDX-License-Identifier: GPL-2.0-only

//! btrfs on the disk, which knows of encryption only what its items say, and changes of it.

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
