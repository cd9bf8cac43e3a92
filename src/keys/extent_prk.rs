// SPDX-License-Identifier: GPL-2.0-only

//! Extent PRKs: what the keys of all extents of a master key are derived from.
//!
//! An extent PRK (pseudorandom key, RFC 5869) is there as long as an inode in memory needs it,
//! which may be longer than the master key is. `Documentation/key-removal.rst` has a table of what
//! becomes of it, and which test shows that.

use crate::{
    c::{
        bindings::{
            helper_siphash,
            siphash_key_t, //
        },
        random, //
    },
    crypt::tag::TagKey,
    keys::{
        hkdf,
        hkdf::Info,
        key::{
            Key,
            PrkId, //
        },
        secret::Secret, //
    },
    mode::{
        Mode,
        MAX_KEY_SIZE,
        MODES, //
    }, //
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

impl PrkId {
    /// A new one, never used before.
    pub(crate) fn next() -> Self {
        static LAST: Atomic<u64> = Atomic::new(0);

        Self::new(LAST.fetch_add(1, Relaxed))
    }
}

/// Identifies a mounted filesystem: the address of its `struct super_block`, which isn't used as
/// such. PRKs don't outlive the filesystem, as inodes have them.
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

/// What is there, or else what `make` makes. All who ask would make the same.
fn get_or_make<T>(
    there: &SetOnce<Arc<T>>,
    make: impl FnOnce() -> Result<Arc<T>>,
) -> Result<Arc<T>> {
    if let Some(value) = there.as_ref() {
        return Ok(value.clone());
    }
    let value = make()?;

    // Another task may be faster, or just about to be: then there are two for a while.
    there.populate(value.clone());
    Ok(there.as_ref().cloned().unwrap_or(value))
}

fn hash(key: &hmac_sha512_key, hash_key: &siphash_key_t) -> u64 {
    let key: *const hmac_sha512_key = key;

    // SAFETY: It is valid for reads of its size, and has no padding.
    unsafe { helper_siphash(key.cast(), size_of::<hmac_sha512_key>(), hash_key) }
}

/// An extent PRK. Zeroized when freed, which is when the last handle of its master key and
/// filesystem is closed.
#[pin_data]
pub(crate) struct ExtentPrk {
    pub(crate) id: PrkId,
    filesystem: Filesystem,
    #[pin]
    key: Secret<hmac_sha512_key>,
    /// What tags are made with, if contents are authenticated.
    tag_key: SetOnce<Arc<Secret<TagKey>>>,
    /// That of `key`, see [`ExtentPrks`].
    hash: u64,
    /// The keys that extents share, by [`SharedKey`] and mode.
    shared: [[SetOnce<Arc<Key>>; MODES.len()]; 2],
}

impl ExtentPrk {
    fn new<'a>(
        filesystem: Filesystem,
        kdf: &'a hmac_sha512_key,
        info: Info<'a>,
        hash_key: &'a siphash_key_t,
    ) -> impl PinInit<Self> + 'a {
        pin_init!(Self {
            id: PrkId::next(),
            filesystem,
            key <- hkdf::extent_prk(kdf, info),
            tag_key: SetOnce::new(),
            hash: hash(&key, hash_key),
            shared: core::array::from_fn(|_| core::array::from_fn(|_| SetOnce::new())),
        })
    }

    fn tree_key(&self) -> TreeKey {
        (self.hash, self.id)
    }

    /// The key to derive extents' keys with.
    pub(crate) fn key(&self) -> &hmac_sha512_key {
        &self.key
    }

    /// What tags are made with, if this is for authenticated contents; the first handle that needs
    /// it makes it. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn tag_key(&self) -> Result<Arc<Secret<TagKey>>> {
        get_or_make(&self.tag_key, || {
            Arc::pin_init(hkdf::tag_key(&self.key), GFP_KERNEL)
        })
    }

    /// The key that extents share, which the first handle that needs it makes: `fill` gets memory
    /// for it. Whoever has this PRK would make the same. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn shared_key(
        &self,
        which: SharedKey,
        mode: &Mode,
        fill: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<Arc<Key>> {
        let index = MODES.iter().position(|other| other == mode);
        let shared = &self.shared[which as usize][index.ok_or(EINVAL)?];

        get_or_make(shared, || Arc::pin_init(Secret::new(fill), GFP_KERNEL))
    }

    fn is_same(&self, other: &Self) -> bool {
        self.filesystem == other.filesystem && self.key.equals(&other.key)
    }
}

struct Entry {
    prk: Arc<ExtentPrk>,
    handles: usize,
}

/// Where a PRK is in the tree of all: by a hash of what makes it the same as another, then by
/// number.
type TreeKey = (u64, PrkId);

/// The extent PRKs that have handles.
///
/// Two handles have the same PRK if they were opened with the same key on the same filesystem.
/// Not with the same `struct fscrypt_master_key`: of a v1 policy, it can get another key while
/// inodes are still open with the old one. Nor on another filesystem, whose inodes must not keep
/// the key after it was removed from this one.
///
/// Users without privileges can add many keys, so the table is searched by hash. As that is of a
/// secret, it is SipHash with a secret key.
#[pin_data]
pub(crate) struct ExtentPrks {
    #[pin]
    table: SpinLock<RBTree<TreeKey, Entry>>,
    hash_key: siphash_key_t,
}

impl ExtentPrks {
    /// No PRKs.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            table <- new_spinlock!(RBTree::new(), "fscrypt_extent::extent_prks"),
            hash_key: siphash_key_t {
                key: [random::number(), random::number()],
            },
        })
    }

    /// Gets the PRK `info` of a master key for a new handle. Allocates with `GFP_KERNEL`; `ENOMEM`.
    pub(crate) fn get(
        &self,
        filesystem: Filesystem,
        kdf: &hmac_sha512_key,
        info: Info<'_>,
    ) -> Result<Arc<ExtentPrk>> {
        let new = ExtentPrk::new(filesystem, kdf, info, &self.hash_key);
        let new = Arc::pin_init(new, GFP_KERNEL)?;
        let node = RBTreeNodeReservation::new(GFP_KERNEL)?;
        let tree_key = new.tree_key();
        let mut table = self.table.lock();
        let mut cursor = table.cursor_lower_bound_mut(&(tree_key.0, PrkId::new(0)));

        while let Some(mut at) = cursor {
            let (&(hash, _), entry) = at.current_mut();

            if hash != tree_key.0 {
                break;
            }
            if entry.prk.is_same(&new) {
                entry.handles += 1;
                return Ok(entry.prk.clone());
            }
            // The same key on another filesystem has the same hash.
            cursor = at.move_next();
        }
        let entry = Entry {
            prk: new.clone(),
            handles: 1,
        };
        table.insert(node.into_node(tree_key, entry));
        Ok(new)
    }

    /// The number of PRKs, and that of their handles.
    pub(crate) fn count(&self) -> (usize, usize) {
        let table = self.table.lock();

        (
            table.values().count(),
            table.values().map(|entry| entry.handles).sum(),
        )
    }

    /// Ends a handle's use of `prk`. Returns whether it was the last: then nobody can get this
    /// PRK any more. Takes a spinlock, allocates nothing.
    pub(crate) fn put(&self, prk: &ExtentPrk) -> bool {
        let tree_key = prk.tree_key();
        let mut table = self.table.lock();
        let Some(entry) = table.get_mut(&tree_key) else {
            return false;
        };

        entry.handles -= 1;
        if entry.handles > 0 {
            return false;
        }
        // The caller has a reference, so this doesn't free the PRK under the lock.
        table.remove(&tree_key);
        true
    }
}

#[kunit_tests(fscrypt_extent_prk)]
mod tests {
    use super::*;
    use crate::test_vectors::MASTER_PRK;

    fn kdf(first: u8) -> hmac_sha512_key {
        let mut prk = MASTER_PRK;
        let mut key = hmac_sha512_key::default();

        prk[0] = first;
        hkdf::prepare(&prk, &mut key);
        key
    }

    #[test]
    fn one_for_each_key_and_filesystem() -> Result {
        let prks = KBox::pin_init(ExtentPrks::new(), GFP_KERNEL)?;
        let (here, elsewhere) = (Filesystem(1), Filesystem(2));
        let a = prks.get(here, &kdf(1), Info::ExtentPrk)?;
        let b = prks.get(here, &kdf(2), Info::ExtentPrk)?;
        let c = prks.get(elsewhere, &kdf(1), Info::ExtentPrk)?;

        assert!(a.id != b.id && a.id != c.id && b.id != c.id);
        for (prk, filesystem, first) in [(&a, here, 1), (&b, here, 2), (&c, elsewhere, 1)] {
            assert!(Arc::ptr_eq(
                prk,
                &prks.get(filesystem, &kdf(first), Info::ExtentPrk)?
            ));
        }
        assert_eq!(prks.count(), (3, 6));
        Ok(())
    }

    #[test]
    fn one_for_each_kind_of_authenticated_contents() -> Result {
        let prks = KBox::pin_init(ExtentPrks::new(), GFP_KERNEL)?;
        let get = |info| prks.get(Filesystem(1), &kdf(1), info);
        let authenticated = |mode, data_unit_bits| {
            get(Info::AuthenticatedPrk {
                mode,
                data_unit_bits,
            })
        };
        let plain = get(Info::ExtentPrk)?;
        let one = authenticated(1, 12)?;

        assert!(Arc::ptr_eq(&one.tag_key()?, &one.tag_key()?));
        assert!(Arc::ptr_eq(&one, &authenticated(1, 12)?));
        for other in [authenticated(1, 9)?, authenticated(9, 12)?] {
            assert!(other.id != one.id && other.id != plain.id);
        }
        Ok(())
    }

    #[test]
    fn gone_with_the_last_handle() -> Result {
        let prks = KBox::pin_init(ExtentPrks::new(), GFP_KERNEL)?;
        let prk = prks.get(Filesystem(1), &kdf(1), Info::ExtentPrk)?;
        let other = prks.get(Filesystem(1), &kdf(2), Info::ExtentPrk)?;

        prks.get(Filesystem(1), &kdf(1), Info::ExtentPrk)?;
        assert!(!prks.put(&prk));
        assert!(prks.put(&prk));
        assert_eq!(prks.count(), (1, 1));
        // Whoever comes later gets another.
        assert!(prks.get(Filesystem(1), &kdf(1), Info::ExtentPrk)?.id != prk.id);
        assert!(Arc::ptr_eq(
            &other,
            &prks.get(Filesystem(1), &kdf(2), Info::ExtentPrk)?
        ));
        Ok(())
    }

    #[test]
    fn shared_keys_are_made_once() -> Result {
        let prks = KBox::pin_init(ExtentPrks::new(), GFP_KERNEL)?;
        let prk = prks.get(Filesystem(1), &kdf(1), Info::ExtentPrk)?;
        let key = |which, mode, byte| prk.shared_key(which, mode, |key| key.fill(byte));
        let first = key(SharedKey::Derived, &MODES[0], 1)?;

        assert!(Arc::ptr_eq(&first, &key(SharedKey::Derived, &MODES[0], 2)?));
        assert_eq!(first[..], [1; MAX_KEY_SIZE]);
        for (which, mode) in [(SharedKey::Raw, &MODES[0]), (SharedKey::Derived, &MODES[1])] {
            assert_eq!(key(which, mode, 3)?[..], [3; MAX_KEY_SIZE]);
        }
        Ok(())
    }
}
