// SPDX-License-Identifier: GPL-2.0-only

//! The slots of a cache: ciphers, or keys for blk-crypto, and which key each of them has.
//!
//! ```text
//!  Blank ------ miss ----> Programming -- key set ----> Ready, in use
//!   ^  ^                     |   ^                      |      ^
//!   |  +------ failure ------+  miss                   put    hit
//!   |                            |                      v      |
//!   |                            +-------------------- Ready, idle
//!   |                                                       |
//!   +----- wiped ---- Wiping <-------- purge, clear --------+
//! ```
//!
//! A slot goes with the PRK whose key may be in it, wholly or in part: while it is `Programming`,
//! that is the key that it had before, and while it is `Wiping`, the one that is being wiped.
//! Whoever wants to be sure that no key of a PRK is left has to wait for these.
//!
//! Which key makes room for another is in [`eviction`], and who waits in [`waiting`].
//!
//! Nothing here sleeps or, after [`Table::new`], allocates.

use super::lists::IndexLists;
use crate::{
    c::random,
    keys::key::{
        KeyId,
        KeyKind,
        PrkId, //
    }, //
};
use core::{
    mem::replace,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        Arc, //
    }, //
};

mod eviction;
mod waiting;

pub(super) use waiting::{
    Granted,
    Joined,
    Outcome, //
};

enum Slot<T> {
    /// Has no key, or one that nobody knows; is idle.
    Blank(KBox<T>),
    /// The caller that missed has the keyslot, in which a key of `old` is until it is overwritten.
    /// Others that want this key wait, and so many will use it as soon as it is set.
    Programming {
        id: KeyId,
        old: Option<PrkId>,
        joined: u32,
        /// The number of the find that missed.
        set: u64,
    },
    /// Is idle if it has no [`Users`]. As long as it has, the keyslot stays here.
    Ready {
        id: KeyId,
        keyslot: KBox<T>,
        /// See [`eviction`].
        hot: bool,
        /// The number of the find that used it last.
        used: u64,
        /// The number of finds when it was put to the front of its list.
        listed: u64,
        /// The number of the find that missed the key.
        set: u64,
        /// Whether it is for a task that waits: once it has no users, if it has any.
        reserved: bool,
    },
    /// A key of this PRK is being wiped.
    Wiping(PrkId),
}

impl<T> Slot<T> {
    /// The PRK that a key in it may be of.
    fn prk(&self) -> Option<PrkId> {
        match self {
            Self::Blank(_) => None,
            Self::Programming { old, .. } => *old,
            Self::Ready { id, .. } => Some(id.prk),
            Self::Wiping(prk) => Some(*prk),
        }
    }
}

/// Set while a slot is in the lists `USED` or `RESERVED`.
const WATCHED: u32 = 1 << 31;

/// How many use each slot.
///
/// Uses begin under the lock that protects the table. They end without it, but for the last one of
/// a slot that is watched, so that it becomes idle under the lock. Any other is idle as soon as its
/// number is 0, and whoever has the lock then knows that nobody begins to use it meanwhile.
///
/// Ending a use releases, and finding that there is none acquires: what was done with the slot is
/// over then.
pub(super) struct Users(KVVec<Atomic<u32>>);

impl Users {
    /// Makes the numbers for `size` slots. Sleeps, allocates with `GFP_KERNEL`.
    fn new(size: usize) -> Result<Self> {
        let mut numbers = KVVec::with_capacity(size, GFP_KERNEL)?;

        for _ in 0..size {
            numbers.push_within_capacity(Atomic::new(0))?;
        }
        Ok(Self(numbers))
    }

    /// Ends a use of a slot, if that needs no lock, and returns whether it has; else
    /// [`Table::put`] must be called. Any context.
    ///
    /// Once the use has ended, the table may be freed.
    #[must_use]
    pub(super) fn put(&self, index: usize) -> bool {
        // As a rule it isn't shared.
        let mut number = 1;

        while number != WATCHED + 1 {
            match self.0[index].cmpxchg(number, number - 1, Release) {
                Ok(_) => return true,
                Err(changed) => number = changed,
            }
        }
        false
    }

    /// Whether nobody uses a slot.
    fn is_idle(&self, index: usize) -> bool {
        self.0[index].load(Acquire) == 0
    }
}

/// Hashes ids.
///
/// The hash is pair-multiply-shift (Thorup, "High Speed Hashing for Integers and Strings", 2015).
/// An attacker may have written the nonces to the disk, but without the key, no two ids are
/// likelier to be in one list than by chance. hsiphash needs ten times as long, which is more than
/// one percent of what it takes to decrypt a block.
#[derive(Clone, Copy)]
pub(super) struct Hasher {
    /// Is secret, and random.
    key: [u64; 4],
    /// Number of lists, a power of two.
    lists: usize,
}

impl Hasher {
    /// The list for an id. Any context.
    pub(super) fn list(&self, id: &KeyId) -> IdList {
        let [a, b, c, d] = match id.kind {
            KeyKind::Extent(nonce) => nonce.words().map(u64::from),
            KeyKind::Direct | KeyKind::RawDirect => [id.prk.number(), 0, 0, 0],
        };
        let [k, l, m, n] = self.key;
        let pair = |k: u64, x, l: u64, y| k.wrapping_add(x).wrapping_mul(l.wrapping_add(y));
        let sum = u64::wrapping_add(pair(k, a, l, b), pair(m, c, n, d));

        IdList((sum >> 32) as usize & (self.lists - 1))
    }
}

/// The keys with this hash.
#[derive(Clone, Copy)]
pub(super) struct IdList(usize);

/// Outcome of a search for a slot.
pub(super) enum Found<T> {
    /// This slot has the key. The caller uses it, and so the keyslot is valid, until
    /// [`Users::put`].
    Hit(usize, NonNull<T>),
    /// This slot waits for its key until [`Table::publish`] or [`Table::put_blank`]. It had the key
    /// of this id before.
    Miss(usize, KBox<T>, Option<KeyId>),
    /// Another task is about to set the key. The caller may [`Table::join`] those who wait for
    /// that.
    Programming(usize),
    /// There is no slot for the caller, who may [`Table::wait`] for one.
    Busy,
}

/// A key to be wiped.
pub(super) enum Taken<T> {
    /// There is none.
    Nothing,
    /// There is one, but it is in use, or is just being replaced or wiped.
    Busy,
    /// This slot, which has this key, waits for [`Table::put_blank`].
    Slot(usize, KeyId, KBox<T>),
}

/// Slots that aren't hot, or have no key; most recently used first, more or less. They may be in
/// use.
const COLD: usize = 0;
/// The same of hot ones.
const HOT: usize = 1;
/// Slots that are in use, and were when somebody looked for one that is idle, or for a key to wipe
/// or to be hot no more.
const USED: usize = 2;
/// Those of them that are reserved.
const RESERVED: usize = 3;
/// Slots that were granted to tasks, which haven't fetched them yet.
const GRANTED: usize = 4;
/// Number of these lists.
const LISTS: usize = 5;

/// The slots.
pub(super) struct Table<T> {
    slots: KVVec<Slot<T>>,
    users: Arc<Users>,
    /// The slots that are `Programming` or `Ready`, by hash of their key's id.
    by_id: IndexLists,
    /// The slots that have a [`Slot::prk`], by hash of that.
    by_prk: IndexLists,
    /// The slots that are `Blank` or `Ready`, in the lists above.
    by_use: IndexLists,
    /// Has the number of lists in `by_id`, and in `by_prk`.
    hasher: Hasher,
    /// Number of slots that are hot.
    hot: usize,
    /// How many may be.
    most_hot: usize,
    /// How many are always not.
    least_cold: u64,
    /// Number of slots in the list `RESERVED`: that of tasks that wait, if there are as many in
    /// use.
    reserved: usize,
    /// Number of finds.
    finds: u64,
    /// The next ticket.
    tickets: u64,
    /// Tickets below this have got a slot.
    granted: u64,
}

impl<T> Table<T> {
    /// Makes `size` slots with what `make` makes. Sleeps, allocates with `GFP_KERNEL`.
    pub(super) fn new(size: usize, make: impl Fn() -> Result<T>) -> Result<Self> {
        let lists = size.next_power_of_two();
        let most_hot = size - size.min(usize::max(size / 8, 8));
        let mut table = Self {
            slots: KVVec::with_capacity(size, GFP_KERNEL)?,
            users: Arc::new(Users::new(size)?, GFP_KERNEL)?,
            by_id: IndexLists::new(size, lists)?,
            by_prk: IndexLists::new(size, lists)?,
            by_use: IndexLists::new(size, LISTS)?,
            hasher: Hasher {
                key: core::array::from_fn(|_| random::number()),
                lists,
            },
            hot: 0,
            most_hot,
            least_cold: (size - most_hot) as u64,
            reserved: 0,
            finds: 0,
            tickets: 0,
            granted: 0,
        };

        for index in 0..size {
            let keyslot = KBox::new(make()?, GFP_KERNEL)?;

            table.slots.push_within_capacity(Slot::Blank(keyslot))?;
            table.by_use.push_back(COLD, index);
        }
        Ok(table)
    }

    /// The number of slots.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// How many use each slot, for those who end a use.
    pub(super) fn users(&self) -> Arc<Users> {
        self.users.clone()
    }

    /// What hashes the ids.
    pub(super) fn hasher(&self) -> Hasher {
        self.hasher
    }

    fn prk_list(&self, prk: PrkId) -> usize {
        prk.number() as usize & (self.hasher.lists - 1)
    }

    /// Finds a slot for `id`, for which `list` is.
    ///
    /// Who was granted a slot may use any that has the key; the granted one is then granted to the
    /// next task. That is never told `Busy`.
    pub(super) fn find(&mut self, id: &KeyId, list: IdList, granted: Option<&Granted>) -> Found<T> {
        let has_key = |slot: &Slot<T>| match slot {
            Slot::Ready {
                id: other,
                reserved,
                ..
            } => other == id && !reserved,
            _ => false,
        };

        self.finds += 1;
        if granted.is_none() {
            let found = self
                .by_id
                .iter(list.0)
                .find(|&index| has_key(&self.slots[index]));

            if let Some(index) = found {
                return self.begin(index);
            }
        }
        self.find_other(id, list, granted.map(|granted| granted.0))
    }

    /// The same, when there is no slot with the key that anybody may use.
    #[inline(never)]
    fn find_other(&mut self, id: &KeyId, list: IdList, granted: Option<usize>) -> Found<T> {
        let found = self
            .by_id
            .iter(list.0)
            .find(|&index| match &self.slots[index] {
                Slot::Ready {
                    id: other,
                    reserved,
                    ..
                } => {
                    // What was granted to another task gets another key.
                    other == id
                        && (!*reserved || granted == Some(index) || !self.users.is_idle(index))
                }
                Slot::Programming { id: other, .. } => other == id,
                _ => false,
            });
        if let Some(index) = found {
            if matches!(self.slots[index], Slot::Programming { .. }) {
                // Who waits for a slot was there before.
                return match granted.is_some() || self.waiting() == 0 {
                    true => Found::Programming(index),
                    false => Found::Busy,
                };
            }
            let Some(granted) = granted else {
                return Found::Busy;
            };
            let hit = self.begin(index);

            self.settle(granted, index);
            return hit;
        }

        let Some(index) = granted.or_else(|| self.take_idle()) else {
            return Found::Busy;
        };
        let programming = Slot::Programming {
            id: *id,
            old: self.slots[index].prk(),
            joined: 0,
            set: self.finds,
        };

        self.by_id.remove(index);
        self.by_id.push_front(list.0, index);
        match self.replace(index, programming) {
            Slot::Blank(keyslot) => Found::Miss(index, keyslot, None),
            Slot::Ready { id, keyslot, .. } => Found::Miss(index, keyslot, Some(id)),
            // INVARIANT: None of these is idle.
            Slot::Programming { .. } | Slot::Wiping(_) => Found::Busy,
        }
    }

    /// Begins a use of a slot with a key.
    #[inline]
    fn begin(&mut self, index: usize) -> Found<T> {
        let Slot::Ready {
            keyslot,
            used,
            listed,
            hot,
            ..
        } = &mut self.slots[index]
        else {
            return Found::Busy;
        };
        let hit = Found::Hit(index, NonNull::from(&**keyslot));
        let since_use = self.finds - replace(used, self.finds);
        let since_listed = self.finds - *listed;
        let is_warm = !*hot && since_use > self.least_cold;
        // Nothing that others did has to be seen: the slot got its key under the lock.
        let others = self.users.0[index].fetch_add(1, Relaxed);

        if is_warm || since_listed >= self.least_cold / 2 || others & WATCHED != 0 {
            self.sort(index, is_warm, others & WATCHED != 0);
        }
        hit
    }

    /// Moves a slot to the list `list`.
    fn list(&mut self, list: usize, index: usize) {
        self.by_use.remove(index);
        self.by_use.push_front(list, index);
    }

    /// Puts `new` in place of a slot that isn't in use and in no list of `by_use`.
    fn replace(&mut self, index: usize, new: Slot<T>) -> Slot<T> {
        let old = replace(&mut self.slots[index], new);

        if matches!(old, Slot::Ready { hot: true, .. }) {
            self.hot -= 1;
        }
        old
    }

    /// Lets [`Table::put`] know when a slot becomes idle, and returns true; or false if it is. The
    /// caller puts it into the list `USED`, if it isn't there or in `RESERVED`.
    fn watch(&self, index: usize) -> bool {
        let users = &self.users.0[index];

        match users.load(Acquire) {
            0 => return false,
            WATCHED.. => return true,
            _ => (),
        }
        // The last use may end just before.
        if users.fetch_add(WATCHED, Acquire) == 0 {
            users.store(0, Relaxed);
            return false;
        }
        true
    }

    /// Takes a key of `prk` to wipe it.
    pub(super) fn take_of_prk(&mut self, prk: PrkId) -> Taken<T> {
        let of_prk = || {
            let list = self.by_prk.iter(self.prk_list(prk));
            list.filter(|&index| self.slots[index].prk() == Some(prk))
        };
        // Any other tells the caller to wait.
        let index = of_prk()
            .find(|&index| self.is_idle(index))
            .or_else(|| of_prk().next());

        index.map_or(Taken::Nothing, |index| self.take(index))
    }

    /// Whether a slot has a key, and nobody uses it or is about to.
    fn is_idle(&self, index: usize) -> bool {
        matches!(
            self.slots[index],
            Slot::Ready {
                reserved: false,
                ..
            }
        ) && self.users.is_idle(index)
    }

    /// Takes the key that a slot has to wipe it.
    pub(super) fn take(&mut self, index: usize) -> Taken<T> {
        let id = match &self.slots[index] {
            Slot::Blank(_) => return Taken::Nothing,
            Slot::Ready {
                id,
                reserved: false,
                ..
            } => *id,
            _ => return Taken::Busy,
        };
        if self.watch(index) {
            self.list(USED, index);
            return Taken::Busy;
        }

        self.by_use.remove(index);
        self.by_id.remove(index);
        match self.replace(index, Slot::Wiping(id.prk)) {
            Slot::Ready { keyslot, .. } => Taken::Slot(index, id, keyslot),
            _ => Taken::Busy,
        }
    }

    /// Gives a keyslot back that has got its key. The caller then uses the slot, and so the keyslot
    /// is valid, until [`Users::put`]; so does whoever has joined.
    pub(super) fn publish(&mut self, index: usize, id: KeyId, keyslot: KBox<T>) -> NonNull<T> {
        let shared = NonNull::from(&*keyslot);
        let (joined, set) = match self.slots[index] {
            Slot::Programming { joined, set, .. } => (joined, set),
            _ => (0, 0),
        };

        self.by_prk.remove(index);
        self.by_prk.push_front(self.prk_list(id.prk), index);
        self.slots[index] = Slot::Ready {
            id,
            keyslot,
            hot: false,
            used: self.finds,
            listed: self.finds,
            set,
            reserved: false,
        };
        // Others see the slot when they have the lock.
        self.users.0[index].store(1 + joined, Relaxed);
        self.set_used(index);
        shared
    }

    /// Gives a slot a keyslot without a key. It will be the next to be taken, if nobody waits.
    pub(super) fn put_blank(&mut self, index: usize, keyslot: KBox<T>) {
        self.by_id.remove(index);
        self.by_prk.remove(index);
        self.slots[index] = Slot::Blank(keyslot);
        self.set_idle(index);
    }

    /// Ends a use of a slot that [`Users::put`] hasn't.
    pub(super) fn put(&mut self, index: usize) {
        let users = &self.users.0[index];

        // Before the caller had the lock, another may have begun to use it.
        if users.fetch_sub(1, Full) != WATCHED + 1 {
            return;
        }
        users.store(0, Relaxed);
        if let Slot::Ready { reserved: true, .. } = self.slots[index] {
            self.reserved -= 1;
        }
        self.set_idle(index);
    }
}

#[kunit_tests(fscrypt_extent_table)]
mod tests {
    use super::{
        super::fake_keyslot::{
            random_nonce,
            FakeKeyslot, //
        },
        *, //
    };
    use crate::mode::MODES;

    /// What a task does.
    enum Task {
        Nothing,
        Sets(usize, KeyId, KBox<FakeKeyslot>),
        Uses(usize),
        Waits(KeyId, waiting::Ticket),
        Joined(KeyId, Joined),
    }

    /// Tasks that do something by turns, always the same for a seed.
    struct Tasks {
        table: Table<FakeKeyslot>,
        tasks: KVec<Task>,
        ids: KVec<KeyId>,
        seed: u64,
    }

    impl Tasks {
        fn new(size: usize, tasks: usize, ids: usize, seed: u64) -> Result<Self> {
            let prks = [PrkId::next(), PrkId::next()];
            let mut new = Self {
                table: Table::new(size, || Ok(FakeKeyslot::new()))?,
                tasks: KVec::new(),
                ids: KVec::new(),
                seed,
            };

            // Else none of so few slots would be hot.
            new.table.most_hot = size / 2;
            new.table.least_cold = 1 + seed % 8;
            for _ in 0..tasks {
                new.tasks.push(Task::Nothing, GFP_KERNEL)?;
            }
            for number in 0..ids {
                let id = KeyId {
                    prk: prks[number % 2],
                    kind: KeyKind::Extent(random_nonce()),
                    mode: &MODES[0],
                    data_unit_bits: None,
                };

                new.ids.push(id, GFP_KERNEL)?;
            }
            Ok(new)
        }

        /// A number below `limit`, by xorshift.
        fn number(&mut self, limit: usize) -> usize {
            self.seed ^= self.seed << 13;
            self.seed ^= self.seed >> 7;
            self.seed ^= self.seed << 17;
            self.seed as usize % limit
        }

        fn find(&mut self, id: KeyId, granted: Option<Granted>) -> Task {
            match self
                .table
                .find(&id, self.table.hasher.list(&id), granted.as_ref())
            {
                Found::Hit(index, _) => Task::Uses(index),
                Found::Miss(index, keyslot, _) => Task::Sets(index, id, keyslot),
                Found::Programming(index) => Task::Joined(id, self.table.join(index, granted)),
                Found::Busy => Task::Waits(id, self.table.wait()),
            }
        }

        /// Lets one go on, which begins with something new only if it `may_begin`. Returns whether
        /// all is right then.
        #[must_use]
        fn step(&mut self, may_begin: bool) -> bool {
            let number = self.number(self.tasks.len());

            self.tasks[number] = match replace(&mut self.tasks[number], Task::Nothing) {
                Task::Nothing if !may_begin => Task::Nothing,
                Task::Nothing => {
                    let chosen = self.number(self.ids.len());
                    let id = self.ids[chosen];

                    if self.number(8) > 0 {
                        self.find(id, None)
                    } else {
                        if let Taken::Slot(index, _, keyslot) = self.table.take_of_prk(id.prk) {
                            self.table.put_blank(index, keyslot);
                        }
                        Task::Nothing
                    }
                }
                Task::Sets(index, _, keyslot) if self.number(8) == 0 => {
                    self.table.put_blank(index, keyslot);
                    Task::Nothing
                }
                Task::Sets(index, id, keyslot) => {
                    self.table.publish(index, id, keyslot);
                    Task::Uses(index)
                }
                Task::Uses(index) => {
                    if !self.table.users.put(index) {
                        self.table.put(index);
                    }
                    Task::Nothing
                }
                Task::Waits(id, ticket) => match self.table.fetch(&ticket) {
                    Some(granted) => self.find(id, Some(granted)),
                    None => Task::Waits(id, ticket),
                },
                Task::Joined(id, joined) => match self.table.outcome(&joined) {
                    Outcome::Programming => Task::Joined(id, joined),
                    Outcome::Set(index, _) => Task::Uses(index),
                    Outcome::Refused => self.find(id, None),
                },
            };
            self.is_right()
        }

        /// Whether all is as it should be at any time.
        fn is_right(&self) -> bool {
            let table = &self.table;
            let count = |list| table.by_use.iter(list).count();
            let is = |index: usize, is_reserved: bool| {
                matches!(
                    table.slots[index],
                    Slot::Ready { reserved, .. } if reserved == is_reserved
                )
            };
            let users = |index: usize| table.users.0[index].load(Acquire);
            let is_hot = |slot: &&Slot<FakeKeyslot>| matches!(slot, Slot::Ready { hot: true, .. });
            let is_blank = |index: usize| matches!(table.slots[index], Slot::Blank(_));
            let are = |list, is: &dyn Fn(usize) -> bool| table.by_use.iter(list).all(is);
            let is_watched = |index| users(index) > WATCHED;
            let is_listed = |index| {
                (is(index, false) && users(index) < WATCHED)
                    || (is_blank(index) && users(index) == 0)
            };

            table.slots.iter().filter(is_hot).count() == table.hot
                && table.hot <= table.most_hot
                && are(RESERVED, &|index| is(index, true) && is_watched(index))
                && are(USED, &|index| is(index, false) && is_watched(index))
                && are(GRANTED, &|index| {
                    (is(index, true) || is_blank(index)) && users(index) == 0
                })
                && are(COLD, &is_listed)
                && are(HOT, &is_listed)
                // As many are reserved as can be, and none is idle, while somebody waits.
                && count(RESERVED) == table.reserved
                && table.reserved <= table.waiting()
                && (table.reserved == table.waiting() || count(USED) == 0)
                && (table.waiting() == 0 || count(COLD) + count(HOT) == 0)
        }
    }

    #[test]
    fn random_tasks() -> Result {
        for seed in 1..=100 {
            let (size, tasks) = (1 + seed as usize % 6, 2 + seed as usize % 11);
            let mut tasks = Tasks::new(size, tasks, 2 * size + 1, seed)?;

            for _ in 0..300 {
                assert!(tasks.step(true));
            }
            // Then all come to an end, and all slots are idle.
            for _ in 0..1000 {
                assert!(tasks.step(false));
            }
            assert!(tasks.tasks.iter().all(|task| matches!(task, Task::Nothing)));
            let lists = [COLD, HOT].map(|list| tasks.table.by_use.iter(list).count());
            assert_eq!(lists[0] + lists[1], size);
        }
        Ok(())
    }
}
