// SPDX-License-Identifier: GPL-2.0-only

//! The devices that blk-crypto has keys for: each has a cache of its own.
//!
//! A key for blk-crypto is in use as long as its bio is, i.e. as long as the device likes. With
//! keys that all devices share, one on a file that is on the other couldn't get any.

use crate::{
    cache::Cache,
    crypt::blk_key::{
        BlkKey,
        Device, //
    },
    keys::key::PrkId, //
};
use kernel::{
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNode, //
    },
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        new_spinlock,
        Arc,
        SpinLock, //
    },
};

/// Tells opened devices apart. Never reused.
type Number = u64;

/// A device of a filesystem, from [`Devices::open`] to [`Devices::close`].
pub(crate) struct OpenDevice {
    number: Number,
    /// The keys, of all modes.
    pub(crate) keys: Arc<Cache<BlkKey>>,
}

/// What is known of a device.
#[derive(Clone)]
pub(crate) struct Entry {
    /// Its major and minor number.
    pub(crate) numbers: (u32, u32),
    pub(crate) keys: Arc<Cache<BlkKey>>,
}

/// All opened devices.
#[pin_data]
pub(crate) struct Devices {
    #[pin]
    table: SpinLock<RBTree<Number, Entry>>,
}

impl Devices {
    /// No devices.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock!(RBTree::new(), "fscrypt_extent::devices"),
        })
    }

    /// Makes a cache of `size` keys for `device`, which must be open until [`Self::close`]. Sleeps,
    /// allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn open(&self, device: Device, size: usize) -> Result<OpenDevice> {
        static LAST: Atomic<Number> = Atomic::new(0);

        let number = LAST.fetch_add(1, Relaxed);
        let keys = Cache::new(size, || BlkKey::new(device))?;
        let entry = Entry {
            numbers: device.numbers(),
            keys: keys.clone(),
        };
        let node = RBTreeNode::new(number, entry, GFP_KERNEL)?;

        self.table.lock().insert(node);
        Ok(OpenDevice { number, keys })
    }

    /// Wipes the keys of `device`, on which no new I/O starts. Waits for I/O that is under way.
    pub(crate) fn close(&self, device: &OpenDevice) {
        // Before it is removed: a PRK whose keys may be there mustn't be taken for wiped.
        device.keys.clear();
        let entry = self.table.lock().remove(&device.number);
        drop(entry);
    }

    /// Calls `visit` for each device, with no lock held. Those that come and go meanwhile may be
    /// left out. Allocates nothing.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&Entry)) {
        let mut from = 0;

        loop {
            let entry = {
                let table = self.table.lock();
                let Some(cursor) = table.cursor_lower_bound(&from) else {
                    break;
                };
                let (number, entry) = cursor.current();

                from = number + 1;
                entry.clone()
            };

            visit(&entry);
        }
    }

    /// Wipes all keys of `prk`. Context as in [`Cache::purge`].
    pub(crate) fn purge(&self, prk: PrkId) {
        self.for_each(|entry| entry.keys.purge(prk));
    }
}
