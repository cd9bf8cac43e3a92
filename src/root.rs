// SPDX-License-Identifier: GPL-2.0-only

//! Extent roots: what the keys of all extents of a master key are derived from.
//!
//! An extent root is there as long as an inode in memory needs it, which may be longer than the
//! master key is. What `FS_IOC_GET_ENCRYPTION_KEY_STATUS` says of a key is here `A`, absent; `P`,
//! present; or `I`, incompletely removed. Two letters stand for either, and without an arrow the
//! status stays. The tests are in `tests/guest`, and `Documentation/key-removal.rst` has the same
//! table.
//!
//! ```text
//! ========  ===========================  ================================  =======================
//! status    what happens                 what follows                      test
//! ========  ===========================  ================================  =======================
//! A -> P    a key is added               files can be opened; the first    key-states
//!                                        one derives the extent root
//! P         the last inode is evicted    the extent root is wiped; the     key-wipe
//!                                        next file derives it again
//! P -> A    the key is removed, no file  files are written back and        key-removal-after-close
//!           is in use                    evicted; the root is wiped, then
//!                                        the key is reported as absent
//! P -> I    ... a file is open           it can be read and written, new   key-removal-in-use
//!                                        extents included; others can't
//!                                        be opened or created
//! P -> I    ... a file is mapped, or     as if it were open                key-removal-held
//!           known to an io_uring
//! P -> I    ... a loop device is on a    what is mounted on it works on    key-removal-loop-device
//!           file
//! P -> I    ... reads, direct or         they succeed                      key-removal-during-io
//!           buffered, are under way
//! P -> I    ... direct writes or         the removal waits for them        key-removal-during-io
//!           writeback are under way
//! P -> AI   ... only requests of an      they succeed; the removal waits   key-removal-io-uring
//!           io_uring hold a file         for direct writes
//! P -> A    ... I/O is under way that    its inodes stay until it ends;    close-after-io
//!           nobody waits for             the removal waits for that
//! P -> AI   ... a file is being opened,  that fails with -ENOKEY, or the   key-stress
//!           or created                   file is in use
//! P         ... by one of two users who  only the user's claim goes        key-users
//!           have added it
//! P -> AI   ... by the last user, or by  as if there were one user         key-users
//!           root for all
//! I         a file in use is written     no difference: it is on disk      writes-around-removal
//!                                        after a sync
//! I         direct writes or writeback   they succeed                      key-removal-during-io
//!           begin
//! I         it is closed, but dirty      its inode stays until it was      key-removal-appends
//!                                        written back
//! I -> AI   the key is removed again,    inodes that are not in use any    key-states,
//!           by any user                  more are evicted                  key-users
//! I -> A    reclaim evicts the last      the root is wiped, then the key   key-states
//!           inode                        is gone
//! I -> P    the key is added again       new files get the same root as    key-readded-in-use
//!                                        those in use, and can share
//!                                        extents with them
//! I -> P    v1: another key is added     new files get its root; those in  key-readded-in-use
//!                                        use keep theirs; no extents can
//!                                        be shared
//! PI        unmounting, a file is in     -EBUSY, and no change             key-removal-unmount
//!           use
//! PI -> A   unmounting                   files are written back; all is    key-removal-unmount
//!                                        wiped
//! PI        unmounting lazily, a file    it stays as it is; so does the    key-removal-unmount
//!           is in use                    key, which can be removed
//!                                        through it; all is wiped with
//!                                        the last close
//! any       anything, on another         each filesystem has its own keys  key-on-two-filesystems
//!           filesystem                   and roots
//! ========  ===========================  ================================  =======================
//! ```

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

    /// The number of roots, and that of their handles.
    pub(crate) fn count(&self) -> (usize, usize) {
        let table = self.table.lock();

        (
            table.values().count(),
            table.values().map(|entry| entry.handles).sum(),
        )
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
