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
//!   +----- wiped ----- Away <-------------- purge ----------+
//! ```
//!
//! Nothing here sleeps or, after [`Table::new`], allocates.

use crate::{
    blk_crypto::{
        Device,
        Place, //
    },
    cipher::Key,
    context::Nonce,
    mode::Mode,
    random,
    rings::Rings,
    root::RootId, //
};
use core::{
    mem::replace,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    warn_on, //
};

/// Names a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct KeyName {
    /// The extent root that it goes with.
    pub(crate) root: RootId,
    /// Which of that root's keys it is.
    pub(crate) kind: KeyKind,
    /// Where it is used, if with blk-crypto.
    pub(crate) place: Option<Place>,
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
/// Nothing but [`KeyHolder::new`] allocates memory. It is `Sync` because all who want the same key
/// share a slot.
pub(crate) trait KeyHolder: Sized + Send + Sync {
    /// Makes one without a key. Sleeps, allocates with `GFP_KERNEL`.
    fn new(mode: &'static Mode) -> Result<Self>;

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
    /// The caller that missed has the holder. Others that want this key wait.
    Keying(KeyName),
    /// Is idle if it has no users. As long as it has, the holder stays here.
    Ready {
        name: KeyName,
        holder: KBox<T>,
        users: u32,
    },
    /// The key is being wiped.
    Away,
}

/// Outcome of a search for a slot.
pub(crate) enum Found<T> {
    /// This slot has the key. The caller uses it, and so the holder is valid, until [`Table::put`].
    Hit(usize, NonNull<T>),
    /// This slot waits for its key until [`Table::publish`] or [`Table::put_blank`]. It had a key
    /// of this root before.
    Miss(usize, KBox<T>, Option<RootId>),
    /// There is no idle slot, or another task is about to set the key.
    Busy,
}

/// Whether a slot has a key for a device.
pub(crate) enum OfDevice<T> {
    No,
    /// It is in use.
    Busy,
    /// It had one, of this root.
    Taken(RootId, KBox<T>),
}

/// The only list in [`Table::idle`].
const IDLE: usize = 0;

/// The slots.
pub(crate) struct Table<T> {
    slots: KVVec<Slot<T>>,
    /// The slots that are `Keying` or `Ready`, by hash of their key's name.
    by_name: Rings,
    /// The same slots, by hash of their root.
    by_root: Rings,
    /// The idle slots, most recently used first. Those that are in use again may still be there.
    idle: Rings,
    /// Number of lists in `by_name` and in `by_root`, a power of two.
    lists: usize,
    /// The secret of [`Table::name_list`].
    hash_key: [u64; 4],
}

impl<T: KeyHolder> Table<T> {
    /// Allocates `size` slots, with their holders. Sleeps, allocates with `GFP_KERNEL`.
    pub(crate) fn new(mode: &'static Mode, size: usize) -> Result<Self> {
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
            let holder = KBox::new(T::new(mode)?, GFP_KERNEL)?;

            table.slots.push_within_capacity(Slot::Away)?;
            table.put_blank(index, holder);
        }
        Ok(table)
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
                Slot::Keying(other) if other == name => return Found::Busy,
                _ => (),
            }
        }

        let (index, evicted, holder) = loop {
            let Some(index) = self.idle.back(IDLE) else {
                return Found::Busy;
            };
            let evicted = match &self.slots[index] {
                Slot::Ready { name, .. } => Some(name.root),
                _ => None,
            };

            match self.take(index) {
                Some(holder) => break (index, evicted, holder),
                // It comes back when it is idle.
                None => self.idle.remove(index),
            }
        };
        self.slots[index] = Slot::Keying(*name);
        self.by_name.push_front(list, index);
        self.by_root.push_front(self.root_list(name.root), index);
        Found::Miss(index, holder, evicted)
    }

    /// Takes the holder of a slot, if that is idle.
    fn take(&mut self, index: usize) -> Option<KBox<T>> {
        if let Slot::Ready { users: 1.., .. } | Slot::Keying(_) | Slot::Away = self.slots[index] {
            return None;
        }
        match self.send_away(index) {
            Slot::Blank(holder) | Slot::Ready { holder, .. } => Some(holder),
            Slot::Keying(_) | Slot::Away => None,
        }
    }

    /// Takes the holder of a slot that has a key of `root`.
    pub(crate) fn take_of_root(&mut self, root: RootId) -> Option<(usize, KBox<T>)> {
        let is_idle = |&index: &usize| match &self.slots[index] {
            Slot::Ready { name, users, .. } if name.root == root => !warn_on!(*users > 0),
            Slot::Keying(name) if name.root == root => !warn_on!(true),
            _ => false,
        };
        let index = self.by_root.iter(self.root_list(root)).find(is_idle)?;

        Some((index, self.take(index)?))
    }

    /// Takes the holder of a slot that has a key for `device`.
    pub(crate) fn take_of_device(&mut self, device: Device, index: usize) -> OfDevice<T> {
        let (name, users) = match &self.slots[index] {
            Slot::Ready { name, users, .. } => (name, *users),
            Slot::Keying(name) => (name, 1),
            Slot::Blank(_) | Slot::Away => return OfDevice::No,
        };
        let root = name.root;

        if name.place.is_none_or(|place| place.device != device) {
            OfDevice::No
        } else if users > 0 {
            OfDevice::Busy
        } else {
            self.take(index)
                .map_or(OfDevice::No, |holder| OfDevice::Taken(root, holder))
        }
    }

    /// Makes a slot one that nobody can find, and returns what it was.
    fn send_away(&mut self, index: usize) -> Slot<T> {
        self.idle.remove(index);
        self.by_name.remove(index);
        self.by_root.remove(index);
        replace(&mut self.slots[index], Slot::Away)
    }

    /// Gives a holder back that has got its key. The caller then uses the slot, and so the holder
    /// is valid, until [`Self::put`].
    pub(crate) fn publish(&mut self, index: usize, name: KeyName, holder: KBox<T>) -> NonNull<T> {
        let shared = NonNull::from(&*holder);

        self.slots[index] = Slot::Ready {
            name,
            holder,
            users: 1,
        };
        shared
    }

    /// Gives a slot a holder without a key. It will be the next to be taken.
    pub(crate) fn put_blank(&mut self, index: usize, holder: KBox<T>) {
        self.send_away(index);
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
