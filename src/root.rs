// SPDX-License-Identifier: GPL-2.0-only

//! Extent roots: what the keys of all extents of a master key are derived from.

use crate::{
    hkdf,
    secret::Secret, //
};
use kernel::{
    bindings::hmac_sha512_key,
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
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

/// Tells extent roots apart, without being secret. Never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RootId(u64);

impl RootId {
    /// A new one.
    pub(crate) fn next() -> Self {
        static LAST: Atomic<u64> = Atomic::new(0);

        Self(LAST.fetch_add(1, Relaxed))
    }

    /// A number to hash.
    pub(crate) fn number(self) -> u64 {
        self.0
    }
}

/// Identifies a mounted filesystem: the address of its `struct super_block`, which isn't used as
/// such. Roots don't outlive the filesystem, as inodes have them.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Filesystem(pub(crate) usize);

/// An extent root. Zeroized when freed.
#[pin_data]
pub(crate) struct ExtentRoot {
    pub(crate) id: RootId,
    filesystem: Filesystem,
    #[pin]
    prk: Secret<hmac_sha512_key>,
}

impl ExtentRoot {
    fn new(filesystem: Filesystem, kdf: &hmac_sha512_key) -> impl PinInit<Self> + '_ {
        pin_init!(Self {
            id: RootId::next(),
            filesystem,
            prk <- hkdf::extent_root(kdf),
        })
    }

    /// The key to derive extents' keys with.
    pub(crate) fn prk(&self) -> &hmac_sha512_key {
        &self.prk
    }

    fn is_same(&self, other: &Self) -> bool {
        self.filesystem == other.filesystem && self.prk.equals(&other.prk)
    }
}

struct Entry {
    root: Arc<ExtentRoot>,
    handles: usize,
}

/// The extent roots that have handles.
///
/// Two handles have the same root if they were opened with the same key on the same filesystem.
/// Not with the same `struct fscrypt_master_key`: of a v1 policy, it can get another key while
/// inodes are still open with the old one. Nor on another filesystem, whose inodes must not keep
/// the key after it was removed from this one.
#[pin_data]
pub(crate) struct Roots {
    #[pin]
    table: SpinLock<RBTree<RootId, Entry>>,
}

impl Roots {
    /// No roots.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock!(RBTree::new(), "fscrypt_extent::roots"),
        })
    }

    /// Gets the root of a master key for a new handle. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn get(
        &self,
        filesystem: Filesystem,
        kdf: &hmac_sha512_key,
    ) -> Result<Arc<ExtentRoot>> {
        let new = Arc::pin_init(ExtentRoot::new(filesystem, kdf), GFP_KERNEL)?;
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let mut table = self.table.lock();

        // There are as many as master keys, of which a system has few.
        if let Some(entry) = table.values_mut().find(|entry| entry.root.is_same(&new)) {
            entry.handles += 1;
            return Ok(entry.root.clone());
        }
        let entry = Entry {
            root: new.clone(),
            handles: 1,
        };
        table.insert(node.into_node(new.id, entry));
        Ok(new)
    }

    /// Ends a handle's use of `root`. Returns whether it was the last: then nobody can get this
    /// root any more. Takes a spinlock, allocates nothing.
    pub(crate) fn put(&self, root: &ExtentRoot) -> bool {
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(&root.id) else {
            return false;
        };

        entry.handles -= 1;
        if entry.handles > 0 {
            return false;
        }
        // The caller has a reference, so this doesn't free the root under the lock.
        table.remove(&root.id);
        true
    }
}
