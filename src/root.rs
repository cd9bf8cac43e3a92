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
    bindings::{
        inline_siphash,
        siphash_key_t, //
    },
    hkdf,
    mode::{
        Mode,
        MAX_KEY_SIZE,
        MODES, //
    },
    random,
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
        SetOnce,
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

/// Which key all extents share with `FSCRYPT_POLICY_FLAG_DIRECT_KEY`.
#[derive(Clone, Copy)]
pub(crate) enum SharedKey {
    /// That of v2 policies, which is derived from the master key.
    Derived,
    /// That of v1 policies: the beginning of the master key.
    Raw,
}

fn hash(prk: &hmac_sha512_key, key: &siphash_key_t) -> u64 {
    let prk: *const hmac_sha512_key = prk;

    // SAFETY: It is valid for reads of its size, and has no padding.
    unsafe { inline_siphash(prk.cast(), size_of::<hmac_sha512_key>(), key) }
}

/// A key that extents share.
type Key = Secret<[u8; MAX_KEY_SIZE]>;

/// An extent root. Zeroized when freed.
#[pin_data]
pub(crate) struct ExtentRoot {
    pub(crate) id: RootId,
    filesystem: Filesystem,
    #[pin]
    prk: Secret<hmac_sha512_key>,
    /// That of `prk`, see [`Roots`].
    hash: u64,
    /// The keys that extents share, by [`SharedKey`] and mode.
    shared: [[SetOnce<Arc<Key>>; MODES.len()]; 2],
}

impl ExtentRoot {
    fn new<'a>(
        filesystem: Filesystem,
        kdf: &'a hmac_sha512_key,
        hash_key: &'a siphash_key_t,
    ) -> impl PinInit<Self> + 'a {
        pin_init!(Self {
            id: RootId::next(),
            filesystem,
            prk <- hkdf::extent_root(kdf),
            hash: hash(&prk, hash_key),
            shared: core::array::from_fn(|_| core::array::from_fn(|_| SetOnce::new())),
        })
    }

    fn place(&self) -> Place {
        (self.hash, self.id)
    }

    /// The key to derive extents' keys with.
    pub(crate) fn prk(&self) -> &hmac_sha512_key {
        &self.prk
    }

    /// The key that extents share, which the first handle that needs it makes: `fill` gets memory
    /// for it. Whoever has this root would make the same. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn shared_key(
        &self,
        which: SharedKey,
        mode: &Mode,
        fill: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<Arc<Key>> {
        let index = MODES.iter().position(|other| other == mode);
        let shared = &self.shared[which as usize][index.ok_or(EINVAL)?];

        if let Some(key) = shared.as_ref() {
            return Ok(key.clone());
        }
        let key = Arc::pin_init(Secret::new(fill), GFP_KERNEL)?;

        // Another task may be faster, or just about to be: then there are two for a while.
        shared.populate(key.clone());
        Ok(shared.as_ref().cloned().unwrap_or(key))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.filesystem == other.filesystem && self.prk.equals(&other.prk)
    }
}

struct Entry {
    root: Arc<ExtentRoot>,
    handles: usize,
}

/// Where a root is among the others: by a hash of what makes it the same as another, then by
/// number.
type Place = (u64, RootId);

/// The extent roots that have handles.
///
/// Two handles have the same root if they were opened with the same key on the same filesystem.
/// Not with the same `struct fscrypt_master_key`: of a v1 policy, it can get another key while
/// inodes are still open with the old one. Nor on another filesystem, whose inodes must not keep
/// the key after it was removed from this one.
///
/// Users without privileges can add many keys, so the table is searched by hash. As that is of a
/// secret, it is SipHash with a secret key.
#[pin_data]
pub(crate) struct Roots {
    #[pin]
    table: SpinLock<RBTree<Place, Entry>>,
    hash_key: siphash_key_t,
}

impl Roots {
    /// No roots.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock!(RBTree::new(), "fscrypt_extent::roots"),
            hash_key: siphash_key_t {
                key: [random::number(), random::number()],
            },
        })
    }

    /// Gets the root of a master key for a new handle. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn get(
        &self,
        filesystem: Filesystem,
        kdf: &hmac_sha512_key,
    ) -> Result<Arc<ExtentRoot>> {
        let new = Arc::pin_init(ExtentRoot::new(filesystem, kdf, &self.hash_key), GFP_KERNEL)?;
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let place = new.place();
        let mut table = self.table.lock();
        let mut cursor = table.cursor_lower_bound_mut(&(place.0, RootId(0)));

        while let Some(mut at) = cursor {
            let (&(hash, _), entry) = at.current_mut();

            if hash != place.0 {
                break;
            }
            if entry.root.is_same(&new) {
                entry.handles += 1;
                return Ok(entry.root.clone());
            }
            // The same key on another filesystem has the same hash.
            cursor = at.move_next();
        }
        let entry = Entry {
            root: new.clone(),
            handles: 1,
        };
        table.insert(node.into_node(place, entry));
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
        let place = root.place();
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(&place) else {
            return false;
        };

        entry.handles -= 1;
        if entry.handles > 0 {
            return false;
        }
        // The caller has a reference, so this doesn't free the root under the lock.
        table.remove(&place);
        true
    }
}
