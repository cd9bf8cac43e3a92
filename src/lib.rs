// SPDX-License-Identifier: GPL-2.0-only

//! Per-extent encryption of file contents for fscrypt.
//!
//! On filesystems whose extents are shared by inodes, each extent has a nonce and a key of its own,
//! derived from the inode's master key. fs/crypto keeps policies and master keys; this module,
//! which registers with it, derives the extents' keys and runs the ciphers.
//!
//! C header: [`include/linux/fscrypt_extent.h`](srctree/include/linux/fscrypt_extent.h)

mod bindings;
mod bio;
mod blk_crypto;
mod cache;
mod cipher;
mod context;
mod engine;
#[cfg(CONFIG_KUNIT = "y")]
mod fixture;
mod handle;
mod hkdf;
mod log;
mod mode;
mod ops;
mod pool;
mod random;
mod rings;
mod root;
mod secret;
mod table;
mod trace;

use engine::Engine;
use kernel::prelude::*;
use ops::Registration;

module! {
    type: FscryptExtent,
    name: "fscrypt_extent",
    authors: ["The fscrypt-extent authors"],
    description: "Per-extent encryption of file contents for fscrypt",
    license: "GPL",
    alias: ["fscrypt-extent"],
    params: {
        pool_size: u32 {
            default: 128,
            description: "Number of ciphers to allocate for each encryption mode, 1 to 65535",
        },
    },
}

struct FscryptExtent {
    _registration: Registration,
}

impl kernel::Module for FscryptExtent {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let size = module_parameters::pool_size.value();
        let Some(pool_size) = u16::try_from(size).ok().filter(|&size| size > 0) else {
            pr_err!("pool_size is {}, but must be 1 to 65535\n", size);
            return Err(EINVAL);
        };

        Ok(Self {
            _registration: Registration::new(Engine::new(pool_size))?,
        })
    }
}
