// SPDX-License-Identifier: GPL-2.0-only

//! Per-extent encryption of file contents for fscrypt.
//!
//! On filesystems whose extents are shared by inodes, each extent has a nonce and a key of its own,
//! derived from the inode's master key. fs/crypto keeps policies and master keys; this module,
//! which registers with it, derives the extents' keys and runs the ciphers.
//!
//! C header: [`include/linux/fscrypt_extent.h`](srctree/include/linux/fscrypt_extent.h)
//!
//! # Locks
//!
//! All that there are, and what callers may hold when they are taken:
//!
//! ```text
//! ========================  =====================  ================  ===========================
//! lock                      protects               taken by          while these are held
//! ========================  =====================  ================  ===========================
//! fscrypt_extent_ops_mutex  the registration with  init, exit        none
//!                           fs/crypto
//! ModeCaches::preparing     a mode whose ciphers   prepare_mode      none that I/O, eviction or
//! (mutex)                   are being allocated                      key setup can wait for
//! ExtentPrks::table         the extent PRKs and    open              mk_sem, for which also
//! (spinlock)                numbers of handles                       fscrypt_add_key_mutex may be
//!                                                                    held; v1: the semaphore of
//!                                                                    a key in a process keyring
//!                                                  close             any under which GFP_KERNEL
//!                                                                    can be used, as in reclaim
//! Devices::table            the devices that       open_device       what a filesystem holds while
//! (spinlock)                blk-crypto has keys                      devices come and go
//!                           for                    close_device      as above
//!                                                  close             any under which GFP_KERNEL
//!                                                                    can be used, as in reclaim
//! Cache::state              which slot has which   encrypt, decrypt  the inode's lock, folio
//! (spinlock)                key, who begins to     set_inline_crypt  locks, ranges of the extent
//!                           use it, who waits,                       I/O tree
//!                           counters               put_inline_key    none
//!                                                  close             as above
//!                                                  close_device      as above
//! blk_crypto_profile::lock  the keyslots of a      what evicts keys  as there
//! (rw_semaphore)            device, or of          for blk-crypto:
//!                           blk-crypto-fallback    set_inline_crypt,
//!                                                  close,
//!                                                  close_device
//! ========================  =====================  ================  ===========================
//! ```
//!
//! None is taken while another of them is held. The spinlocks are for process context only, so
//! interrupts stay enabled. Nothing is allocated under them; keys are derived, set and wiped
//! outside.
//!
//! What holds the callers of encrypt and decrypt up is waiting for a cipher, in a write with bounce
//! pages in hand. That can't deadlock, as [`cache`] explains. close also waits for tasks that are
//! replacing a key of the PRK by another, and close_device for I/O.

mod c;
mod cache;
mod crypt;
mod devices;
mod engine;
mod handle;
mod keys;
mod mode;
mod mode_caches;
mod ops;
mod stats;
#[cfg(CONFIG_KUNIT = "y")]
mod test_vectors;
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
            description: "Ciphers for each mode, and keys for each inlinecrypt device: 1 to 65535",
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
