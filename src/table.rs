// SPDX-License-Identifier: GPL-2.0-only

//! The slots of a cache: ciphers, or keys for blk-crypto, and which key each of them has.
//!
//! ```text
//!  Blank ------ miss -----> Keying ---- key set ----> Ready, in use
//!   ^  ^                     |   ^                      |      ^
//!   |  +------ failure ------+  miss                   put    hit
//!   |                            |                      v      |
//!   |                            +-------------------- Ready, idle
//!   |                                                       |
//!   +----- wiped ---- Wiping <-------- purge, clear --------+
//! ```
//!
//! A slot goes with the root whose key may be in it, wholly or in part: while it is `Keying`, that
//! is the key that it had before, and while it is `Wiping`, the one that is being wiped. Whoever
//! wants to be sure that no key of a root is left has to wait for these.
//!
//! Nothing here sleeps or, after [`Table::new`], allocates.

use crate::{
    cipher::Key,
    context::Nonce,
    mode::Mode,
    random,
    rings::Rings,
    root::RootId, //
};
use core::{
    mem::replace,
    num::NonZeroU8,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// Names a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The extent root that it goes with.
    pub(crate) root: RootId,
    /// Which of that root's keys it is.
    pub(crate) kind: KeyKind,
    /// The mode it is for.
    pub(crate) mode: &'static Mode,
    /// Data unit size as a power of two, if it is for blk-crypto, to which it is part of the key.
    pub(crate) data_unit_bits: Option<NonZeroU8>,
}

/// Which key of an extent root.
///
/// A v1 and a v2 policy with the same master key have the same root, but with
/// `FSCRYPT_POLICY_FLAG_DIRECT_KEY` different keys.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyKind {
    /// The key of the extent with this nonce.
    Extent(Nonce),
    /// The key that all extents share, of a v2 policy.
    Direct,
    /// The key that all extents share, of a v1 policy.
    RawDirect,
}

/// What a slot has: something that a key can be set in.
///
/// Nothing here allocates memory. It is `Sync` because all who want the same key share a slot.
pub(crate) trait KeyHolder: Send + Sync {
    /// Sets the key, of which the first [`Mode::key_size`] bytes count. Sleeps. `EINVAL` if it is
    /// weak.
    ///
    /// On error there may be any mixture of the old and the new key, so it must be made to forget
    /// both.
    fn set_key(&mut self, name: &KeyName, key: &Key) -> Result;

    /// Wipes the key. Sleeps.
    fn forget_key(&mut self);

    /// Whether a device has the key, and does the work.
    fn in_hardware(&self) -> bool {
        false
    }
}

enum Slot<T> {
    /// Has no key, or one that nobody knows; is idle.
    Blank(KBox<T>),
    /// The caller that missed has the holder, in which a key of `old` is until it is overwritten.
    /// Others that want this key wait.
    Keying { name: KeyName, old: Option<RootId> },
    /// Is idle if it has no users. As long as it has, the holder stays here.
    Ready {
        name: KeyName,
        holder: KBox<T>,
        users: u32,
    },
    /// A key of this root is being wiped.
    Wiping(RootId),
}

impl<T> Slot<T> {
    /// The root that a key in it may be of.
    fn root(&self) -> Option<RootId> {
        match self {
            Self::Blank(_) => None,
            Self::Keying { old, .. } => *old,
            Self::Ready { name, .. } => Some(name.root),
            Self::Wiping(root) => Some(*root),
        }
    }
}

/// Outcome of a search for a slot.
pub(crate) enum Found<T> {
    /// This slot has the key. The caller uses it, and so the holder is valid, until [`Table::put`].
    Hit(usize, NonNull<T>),
    /// This slot waits for its key until [`Table::publish`] or [`Table::put_blank`]. It had the key
    /// of this name before.
    Miss(usize, KBox<T>, Option<KeyName>),
    /// There is no idle slot, or another task is about to set the key.
    Busy,
}

/// A key to be wiped.
pub(crate) enum Taken<T> {
    /// There is none.
    Nothing,
    /// There is one, but it is in use, or is just being replaced or wiped.
    Busy,
    /// This slot, which has this key, waits for [`Table::put_blank`].
    Slot(usize, KeyName, KBox<T>),
}

/// The only list in [`Table::idle`].
const IDLE: usize = 0;

/// The slots.
pub(crate) struct Table<T> {
    slots: KVVec<Slot<T>>,
    /// The slots that are `Keying` or `Ready`, by hash of their key's name.
    by_name: Rings,
    /// The slots that have a [`Slot::root`], by hash of that.
    by_root: Rings,
    /// The idle slots, most recently used first. Those that are in use again may still be there.
    idle: Rings,
    /// Number of lists in `by_name` and in `by_root`, a power of two.
    lists: usize,
    /// The secret of [`Table::name_list`].
    hash_key: [u64; 4],
}

impl<T> Table<T> {
    /// Makes `size` slots with what `make` makes. Sleeps, allocates with `GFP_KERNEL`.
    pub(crate) fn new(size: usize, make: impl Fn() -> Result<T>) -> Result<Self> {
        let lists = size.next_power_of_two();
        let mut table = Self {
            slots: KVVec::with_capacity(size, GFP_KERNEL)?,
            by_name: Rings::new(size, lists)?,
            by_root: Rings::new(size, lists)?,
            idle: Rings::new(size, 1)?,
            lists,
            hash_key: core::array::from_fn(|_| random::number()),
        };

        for index in 0..size {
            let holder = KBox::new(make()?, GFP_KERNEL)?;

            table.slots.push_within_capacity(Slot::Blank(holder))?;
            table.idle.push_back(IDLE, index);
        }
        Ok(table)
    }

    /// The number of slots.
    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    /// The list for `name`.
    ///
    /// The hash is pair-multiply-shift (Thorup, "High Speed Hashing for Integers and Strings",
    /// 2015). An attacker may have written the nonces to the disk, but without the key, no two
    /// names are likelier to be in one list than by chance. hsiphash needs ten times as long, which
    /// is more than one percent of what it takes to decrypt a block.
    fn name_list(&self, name: &KeyName) -> usize {
        let [a, b, c, d] = match name.kind {
            KeyKind::Extent(nonce) => nonce.words().map(u64::from),
            KeyKind::Direct | KeyKind::RawDirect => [name.root.number(), 0, 0, 0],
        };
        let [k, l, m, n] = self.hash_key;
        let pair = |k: u64, x, l: u64, y| k.wrapping_add(x).wrapping_mul(l.wrapping_add(y));
        let sum = u64::wrapping_add(pair(k, a, l, b), pair(m, c, n, d));

        (sum >> 32) as usize & (self.lists - 1)
    }

    fn root_list(&self, root: RootId) -> usize {
        root.number() as usize & (self.lists - 1)
    }

    /// Finds a slot for `name`.
    pub(crate) fn find(&mut self, name: &KeyName) -> Found<T> {
        let list = self.name_list(name);

        for index in self.by_name.iter(list) {
            match &mut self.slots[index] {
                Slot::Ready {
                    name: other,
                    holder,
                    users,
                } if other == name => {
                    *users += 1;
                    return Found::Hit(index, NonNull::from(&**holder));
                }
                Slot::Keying { name: other, .. } if other == name => return Found::Busy,
                _ => (),
            }
        }

        let index = loop {
            let Some(index) = self.idle.back(IDLE) else {
                return Found::Busy;
            };

            self.idle.remove(index);
            // A slot that is in use comes back when it is idle.
            if !matches!(self.slots[index], Slot::Ready { users: 1.., .. }) {
                break index;
            }
        };
        let old = self.slots[index].root();

        self.by_name.remove(index);
        self.by_name.push_front(list, index);
        match replace(&mut self.slots[index], Slot::Keying { name: *name, old }) {
            Slot::Blank(holder) => Found::Miss(index, holder, None),
            Slot::Ready { name, holder, .. } => Found::Miss(index, holder, Some(name)),
            // INVARIANT: None of these is idle.
            Slot::Keying { .. } | Slot::Wiping(_) => Found::Busy,
        }
    }

    /// Takes a key of `root` to wipe it.
    pub(crate) fn take_of_root(&mut self, root: RootId) -> Taken<T> {
        let of_root = || {
            let list = self.by_root.iter(self.root_list(root));
            list.filter(|&index| self.slots[index].root() == Some(root))
        };
        let is_idle = |&index: &usize| matches!(self.slots[index], Slot::Ready { users: 0, .. });

        // Any other tells the caller to wait.
        let index = of_root().find(is_idle).or_else(|| of_root().next());

        index.map_or(Taken::Nothing, |index| self.take(index))
    }

    /// Takes the key that a slot has to wipe it.
    pub(crate) fn take(&mut self, index: usize) -> Taken<T> {
        let name = match &self.slots[index] {
            Slot::Blank(_) => return Taken::Nothing,
            Slot::Ready { name, users: 0, .. } => *name,
            _ => return Taken::Busy,
        };

        self.idle.remove(index);
        self.by_name.remove(index);
        match replace(&mut self.slots[index], Slot::Wiping(name.root)) {
            Slot::Ready { holder, .. } => Taken::Slot(index, name, holder),
            _ => Taken::Busy,
        }
    }

    /// Gives a holder back that has got its key. The caller then uses the slot, and so the holder
    /// is valid, until [`Self::put`].
    pub(crate) fn publish(&mut self, index: usize, name: KeyName, holder: KBox<T>) -> NonNull<T> {
        let shared = NonNull::from(&*holder);

        self.by_root.remove(index);
        self.by_root.push_front(self.root_list(name.root), index);
        self.slots[index] = Slot::Ready {
            name,
            holder,
            users: 1,
        };
        shared
    }

    /// Gives a slot a holder without a key. It will be the next to be taken.
    pub(crate) fn put_blank(&mut self, index: usize, holder: KBox<T>) {
        self.by_name.remove(index);
        self.by_root.remove(index);
        self.slots[index] = Slot::Blank(holder);
        self.idle.push_back(IDLE, index);
    }

    /// Ends a use of a slot.
    pub(crate) fn put(&mut self, index: usize) {
        if let Slot::Ready { users, .. } = &mut self.slots[index] {
            *users -= 1;
            if *users == 0 && !self.idle.is_front(IDLE, index) {
                self.idle.remove(index);
                self.idle.push_front(IDLE, index);
            }
        }
    }
}
