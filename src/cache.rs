// SPDX-License-Identifier: GPL-2.0-only

//! The cache of ciphers: a mode's preallocated ciphers, and the keys that are set in them. Another
//! has keys for blk-crypto in place of ciphers.
//!
//! A slot is a cipher and the key it has. It stays keyed after its use, so that the next I/O to
//! the same extent needs neither key derivation nor setting a key; a miss takes an idle slot, as
//! [`table`] says. I/O with one key shares one slot.
//!
//! # Forward progress
//!
//! A caller that finds no idle slot waits for one without a time limit. The holders of the slots
//! don't wait for it: nobody holds two slots, nor waits for memory, locks or I/O while holding one.
//! And nobody is overtaken for ever: slots go to those who wait in the order in which they came,
//! and who comes later doesn't prolong the use of as many slots as they need.
//!
//! Who finds that another task is just setting the key it wants waits for that, and uses the slot
//! with the other, whatever else happens. The other has its slot and waits for nothing.
//!
//! A key for blk-crypto is in use until its bio ends, which may be as long as the device likes. So
//! nobody waits for one: see [`Cache::try_get`].
//!
//! Setting a key and using it allocates nothing, in all modes. See
//! [`Cipher`](crate::crypt::cipher::Cipher) for the conditions.

use crate::{
    keys::{
        key::{
            KeyId,
            KeyKind,
            Keyslot,
            PrkId, //
        },
        secret::Secret, //
    },
    mode::MAX_KEY_SIZE,
    stats::{
        Counters,
        IoInfo, //
    },
    trace, //
};
use core::{
    mem::forget,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        new_condvar,
        new_spinlock,
        Arc,
        CondVar,
        SpinLock,
        SpinLockGuard, //
    },
    task::might_sleep, //
};
use table::{
    Found,
    Granted,
    Hasher,
    Joined,
    Outcome,
    Table,
    Taken,
    Users, //
};

#[cfg(CONFIG_KUNIT = "y")]
pub(crate) mod fake_keyslot;
mod lists;
mod table;

struct State<T> {
    table: Table<T>,
    /// The grants that tasks were woken for.
    announced: u64,
    /// Number of tasks that wait for a key to be set.
    awaiting_keys: usize,
    /// Number of tasks that wait for keys to be wiped, replaced or idle.
    wiping: usize,
    counters: Counters,
}

/// The ciphers of one mode, or the keys for blk-crypto of one device.
///
/// Of a mode, it is there until the module goes; of a device, until that is closed, when nobody
/// uses its keys.
#[pin_data]
pub(crate) struct Cache<T: Keyslot> {
    #[pin]
    state: SpinLock<State<T>>,
    users: Arc<Users>,
    hasher: Hasher,
    /// A slot was granted to the task that has waited longest.
    #[pin]
    granted: CondVar,
    /// A key was set, or refused.
    #[pin]
    key_set: CondVar,
    /// A key was wiped, replaced, or isn't in use any more.
    #[pin]
    changed: CondVar,
}

/// What to do if no slot is idle, or another task is about to set the key.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IfBusy {
    Wait,
    Fail,
}

/// A keyslot with the key that was asked for. Its slot is in use as long as this lives.
///
/// # Invariants
///
/// `keyslot` points to the keyslot of slot `index`, which is in use, so it stays there.
#[must_use = "the key is not in use any more when this is dropped"]
pub(crate) struct SlotGuard<'a, T: Keyslot> {
    cache: &'a Cache<T>,
    index: usize,
    keyslot: NonNull<T>,
}

impl<T: Keyslot> SlotGuard<'_, T> {
    /// The cipher, or the key for blk-crypto.
    pub(crate) fn keyslot(&self) -> &T {
        // SAFETY: It is valid by the type invariant, and as long as the slot is in use, nobody has
        // a mutable reference.
        unsafe { self.keyslot.as_ref() }
    }

    /// Leaves the slot in use, until [`Cache::put`] with the number that this returns.
    pub(crate) fn into_index(self) -> usize {
        let index = self.index;

        forget(self);
        index
    }
}

impl<T: Keyslot> Drop for SlotGuard<'_, T> {
    fn drop(&mut self) {
        self.cache.put(self.index);
    }
}

impl<T: Keyslot> Cache<T> {
    /// Makes a cache of `size` slots with what `make` makes. Sleeps, allocates with `GFP_KERNEL`.
    pub(crate) fn new(size: usize, make: impl Fn() -> Result<T>) -> Result<Arc<Self>> {
        let table = Table::new(size, make)?;
        let (users, hasher) = (table.users(), table.hasher());
        let state = State {
            table,
            announced: 0,
            awaiting_keys: 0,
            wiping: 0,
            counters: Counters::default(),
        };

        Arc::pin_init(
            pin_init!(Self {
                state <- new_spinlock!(state, "fscrypt_extent::cache"),
                users,
                hasher,
                granted <- new_condvar!("fscrypt_extent::granted"),
                key_set <- new_condvar!("fscrypt_extent::key_set"),
                changed <- new_condvar!("fscrypt_extent::changed"),
            }),
            GFP_KERNEL,
        )
    }

    /// Wakes the tasks that slots were granted to since this was last called, and those that wipe
    /// keys.
    fn announce(&self, state: &mut State<T>) {
        while state.announced < state.table.granted() {
            state.announced += 1;
            self.granted.notify_one();
        }
        if state.wiping > 0 {
            self.changed.notify_all();
        }
    }

    /// The same, and those that wait for a key to be set.
    fn announce_key(&self, state: &mut State<T>) {
        if state.awaiting_keys > 0 {
            self.key_set.notify_all();
        }
        self.announce(state);
    }

    /// Waits until a slot was granted to the caller.
    fn wait_for_slot(&self, state: &mut SpinLockGuard<'_, State<T>>) -> Granted {
        let ticket = state.table.wait();

        loop {
            self.granted.wait(state);
            state.counters.wakeups += 1;
            if let Some(granted) = state.table.fetch(&ticket) {
                return granted;
            }
            // Without cause, a task wakes as others that it has to do with want. It has taken the
            // wakeup of one that waits longer, or will wait behind those that came later.
            if state.table.has_granted() {
                self.granted.notify_one();
            }
        }
    }

    /// Waits until that key was set, and uses its slot; or until it was refused.
    fn wait_for_key(
        &self,
        state: &mut SpinLockGuard<'_, State<T>>,
        joined: Joined,
    ) -> Option<(usize, NonNull<T>)> {
        loop {
            state.awaiting_keys += 1;
            self.key_set.wait(state);
            state.awaiting_keys -= 1;
            state.counters.wakeups += 1;
            match state.table.outcome(&joined) {
                Outcome::Programming => (),
                Outcome::Set(index, keyslot) => return Some((index, keyslot)),
                Outcome::Refused => return None,
            }
        }
    }

    /// Gets a keyslot with the key `id`, which `derive` makes if no slot has it.
    ///
    /// Sleeps until a slot is idle, so the caller must have none. The wait is uninterruptible, as
    /// I/O can't be given up for a signal. `EINVAL` if the key is refused.
    pub(crate) fn get(
        &self,
        id: KeyId,
        io: IoInfo,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        self.get_or(IfBusy::Wait, id, io, derive)
    }

    /// The same, but `EBUSY` if no slot is idle, or another task is about to set the key.
    pub(crate) fn try_get(
        &self,
        id: KeyId,
        io: IoInfo,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        self.get_or(IfBusy::Fail, id, io, derive)
    }

    fn get_or(
        &self,
        if_busy: IfBusy,
        id: KeyId,
        io: IoInfo,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        // INVARIANT: The table says that the slot is in use.
        let guard = |index, keyslot| SlotGuard {
            cache: self,
            index,
            keyslot,
        };

        might_sleep();
        let list = self.hasher.list(&id);
        let mut state = self.state.lock();
        let mut granted = None;
        let (index, mut keyslot) = loop {
            let hit = match state.table.find(&id, list, granted.as_ref()) {
                Found::Hit(index, keyslot) => {
                    if granted.is_some() {
                        // That goes to the next one.
                        self.announce(&mut state);
                    }
                    Some((index, keyslot))
                }
                Found::Miss(index, keyslot, evicted) => {
                    state.counters.misses += 1;
                    trace::miss(&id, index);
                    if let Some(evicted) = evicted {
                        state.counters.evictions += 1;
                        trace::evict(&evicted, index);
                    }
                    break (index, keyslot);
                }
                Found::Programming(_) | Found::Busy if if_busy == IfBusy::Fail => {
                    state.counters.busy += 1;
                    return Err(EBUSY);
                }
                Found::Programming(index) => {
                    state.counters.busy += 1;
                    let joined = state.table.join(index, granted.take());
                    self.announce(&mut state);
                    self.wait_for_key(&mut state, joined)
                }
                Found::Busy => {
                    state.counters.busy += 1;
                    granted = Some(self.wait_for_slot(&mut state));
                    None
                }
            };

            if let Some((index, keyslot)) = hit {
                state.counters.hits += 1;
                let guard = guard(index, keyslot);
                state.counters.count(io, guard.keyslot().is_native());
                return Ok(guard);
            }
        };

        state.counters.derivations += u64::from(matches!(id.kind, KeyKind::Extent(_)));
        drop(state);
        pin_init::stack_pin_init!(let key = Secret::new(derive));
        if let Err(error) = keyslot.program(&id, &key) {
            // It may have parts of both keys now.
            keyslot.wipe();
            let mut state = self.state.lock();
            state.table.put_blank(index, keyslot);
            self.announce_key(&mut state);
            return Err(error);
        }

        let mut state = self.state.lock();
        state.counters.count(io, keyslot.is_native());
        let keyslot = state.table.publish(index, id, keyslot);
        self.announce_key(&mut state);
        Ok(guard(index, keyslot))
    }

    /// Ends a use of a slot. Takes a spinlock if somebody may wait for the slot.
    pub(crate) fn put(&self, index: usize) {
        if self.users.put(index) {
            return;
        }
        let mut state = self.state.lock();

        state.table.put(index);
        self.announce(&mut state);
    }

    /// The counters. Takes a spinlock.
    pub(crate) fn counters(&self) -> Counters {
        self.state.lock().counters
    }

    /// Wipes all keys of `prk`, none of which is in use. None is left on return.
    ///
    /// May be called in reclaim: takes a spinlock, for one slot at a time, and allocates nothing.
    /// Waits for tasks that are just replacing such a key by another, which don't allocate either.
    pub(crate) fn purge(&self, prk: PrkId) {
        self.wipe_taken(|table| table.take_of_prk(prk));
    }

    /// Wipes all keys, when nobody gets new ones. None is left on return.
    ///
    /// Waits for those that are in use, without a time limit.
    pub(crate) fn clear(&self) {
        let mut index = 0;

        self.wipe_taken(|table| {
            while index < table.len() {
                match table.take(index) {
                    Taken::Nothing => index += 1,
                    taken => return taken,
                }
            }
            Taken::Nothing
        });
    }

    /// Wipes the keys that `take` takes.
    fn wipe_taken(&self, mut take: impl FnMut(&mut Table<T>) -> Taken<T>) {
        loop {
            let mut state = self.state.lock();
            let (index, id, mut keyslot) = loop {
                match take(&mut state.table) {
                    Taken::Nothing => return,
                    Taken::Busy => {
                        state.wiping += 1;
                        self.changed.wait(&mut state);
                        state.wiping -= 1;
                    }
                    Taken::Slot(index, id, keyslot) => break (index, id, keyslot),
                }
            };

            drop(state);
            keyslot.wipe();
            let mut state = self.state.lock();
            state.table.put_blank(index, keyslot);
            self.announce(&mut state);
            drop(state);
            trace::wipe(&id, index);
        }
    }
}

#[kunit_tests(fscrypt_extent_cache)]
mod tests {
    use super::{
        fake_keyslot::{
            hits,
            random_nonce,
            FakeKeyslot,
            IO, //
        },
        *, //
    };
    use crate::{
        c::random,
        crypt::cipher::Cipher,
        keys::key::Key,
        mode::{
            Direction,
            MODES, //
        }, //
    };
    use core::{
        cell::Cell,
        num::NonZeroU8, //
    };
    use kernel::{
        sync::{
            atomic::{
                Atomic,
                Relaxed, //
            },
            Completion, //
        },
        time::{
            delay::fsleep,
            Delta,
            Instant,
            Monotonic, //
        },
        workqueue::{
            self,
            impl_has_work,
            new_work,
            Work,
            WorkItem, //
        }, //
    };

    fn cache(size: usize) -> Result<Arc<Cache<FakeKeyslot>>> {
        Cache::new(size, || Ok(FakeKeyslot::new()))
    }

    fn ids<const N: usize>(prk: PrkId) -> [KeyId; N] {
        core::array::from_fn(|_| KeyId {
            prk,
            kind: KeyKind::Extent(random_nonce()),
            mode: &MODES[0],
            data_unit_bits: None,
        })
    }

    #[test]
    fn hit_and_miss() -> Result {
        let cache = cache(7)?;
        let [a, b] = ids(PrkId::next());
        let all = [
            a,
            b,
            KeyId {
                prk: PrkId::next(),
                ..a
            },
            KeyId {
                kind: KeyKind::Direct,
                ..a
            },
            KeyId {
                kind: KeyKind::RawDirect,
                ..a
            },
            KeyId {
                mode: &MODES[1],
                ..a
            },
            KeyId {
                data_unit_bits: NonZeroU8::new(9),
                ..a
            },
        ];

        for id in all {
            assert!(!hits(&cache, id)?);
        }
        for id in all {
            assert!(hits(&cache, id)?);
            let guard = cache.get(id, IO, |_| ())?;
            assert!(guard.keyslot().key() == Some(id));
        }
        Ok(())
    }

    #[test]
    fn evicts_least_recently_used() -> Result {
        let cache = cache(3)?;
        let [a, b, c, d, e] = ids(PrkId::next());

        for id in [a, b, c] {
            assert!(!hits(&cache, id)?);
        }
        assert!(hits(&cache, a)?);
        // In place of b, then c.
        assert!(!hits(&cache, d)?);
        assert!(!hits(&cache, e)?);
        for id in [a, d, e] {
            assert!(hits(&cache, id)?);
        }
        assert!(!hits(&cache, b)?);
        Ok(())
    }

    #[test]
    fn counts() -> Result {
        let cache = cache(2)?;
        let [a, b, c] = ids(PrkId::next());
        let direct = KeyId {
            kind: KeyKind::Direct,
            ..a
        };

        for id in [a, a, b, c, direct] {
            hits(&cache, id)?;
        }
        let io = IoInfo {
            direction: Direction::Decrypt,
            bytes: 512,
        };
        drop(cache.get(direct, io, |_| ())?);

        let counters = cache.counters();
        assert_eq!((counters.hits, counters.misses), (2, 4));
        assert_eq!((counters.evictions, counters.derivations), (2, 3));
        assert_eq!(counters.busy, 0);
        assert_eq!(
            (
                counters.io[0].encrypted.bios,
                counters.io[0].encrypted.bytes
            ),
            (5, 5 * 4096)
        );
        assert_eq!(
            (
                counters.io[0].decrypted.bios,
                counters.io[0].decrypted.bytes
            ),
            (1, 512)
        );
        Ok(())
    }

    #[test]
    fn shares_slot() -> Result {
        let cache = cache(1)?;
        let [a, b] = ids(PrkId::next());
        let first = cache.get(a, IO, |key| random::fill(key))?;
        let second = cache.get(a, IO, |key| random::fill(key))?;

        assert_eq!(first.keyslot, second.keyslot);
        drop((first, second));
        assert!(!hits(&cache, b)?);
        Ok(())
    }

    #[test]
    fn failed_key_is_not_found() -> Result {
        let cache = cache(1)?;
        let [a, b] = ids(PrkId::next());

        assert!(!hits(&cache, a)?);
        // All zeroes is a weak key.
        assert!(matches!(cache.get(b, IO, |_| ()), Err(EINVAL)));
        assert!(!hits(&cache, b)?);
        assert!(hits(&cache, b)?);
        assert!(!hits(&cache, a)?);
        Ok(())
    }

    #[test]
    fn purge_spares_other_prks() -> Result {
        let cache = cache(8)?;
        // With eight lists, the first and the last PRK share one.
        let prks: [PrkId; 9] = core::array::from_fn(|_| PrkId::next());
        let gone: [KeyId; 3] = ids(prks[0]);
        let kept: [KeyId; 3] = ids(prks[8]);

        for id in [gone[0], kept[0], gone[1], kept[1], gone[2], kept[2]] {
            assert!(!hits(&cache, id)?);
        }
        cache.purge(prks[0]);
        for id in kept {
            assert!(hits(&cache, id)?);
        }
        for id in gone {
            assert!(!hits(&cache, id)?);
        }
        Ok(())
    }

    #[test]
    fn purged_slots_are_used_again() -> Result {
        let cache = cache(2)?;
        let [a, b] = ids(PrkId::next());

        for id in [a, b] {
            assert!(!hits(&cache, id)?);
        }
        cache.purge(a.prk);
        let _both = (
            cache.get(a, IO, |key| random::fill(key))?,
            cache.get(b, IO, |key| random::fill(key))?,
        );
        Ok(())
    }

    /// Something to do in another thread, and whether it went as it should. KUnit takes no notice
    /// of an assertion that fails there.
    #[pin_data]
    struct Task<F> {
        run: F,
        ended: Atomic<bool>,
        went_well: Atomic<bool>,
        #[pin]
        done: Completion,
        #[pin]
        work: Work<Task<F>>,
    }

    impl_has_work! {
        impl{F: Fn() -> bool + Send + Sync + 'static} HasWork<Self> for Task<F> { self.work }
    }

    impl<F: Fn() -> bool + Send + Sync + 'static> WorkItem for Task<F> {
        type Pointer = Arc<Self>;

        fn run(this: Arc<Self>) {
            this.went_well.store((this.run)(), Relaxed);
            this.ended.store(true, Relaxed);
            this.done.complete_all();
        }
    }

    impl<F: Fn() -> bool + Send + Sync + 'static> Task<F> {
        /// Starts it, and gives it the time to end if it doesn't wait for something.
        fn start(run: F) -> Result<Arc<Self>> {
            let task = Arc::pin_init(
                pin_init!(Self {
                    run,
                    ended: Atomic::new(false),
                    went_well: Atomic::new(false),
                    done <- Completion::new(),
                    work <- new_work!("fscrypt_extent::test"),
                }),
                GFP_KERNEL,
            )?;

            let _ = workqueue::system_unbound().enqueue(task.clone());
            fsleep(Delta::from_millis(20));
            Ok(task)
        }

        fn ended(&self) -> bool {
            self.ended.load(Relaxed)
        }

        /// Waits for its end, and returns whether it went well.
        #[must_use]
        fn wait(&self) -> bool {
            self.done.wait_for_completion();
            self.went_well.load(Relaxed)
        }
    }

    /// Starts to get a slot, which either hits or not.
    fn start_get(
        cache: &Arc<Cache<FakeKeyslot>>,
        id: KeyId,
        expect_hit: bool,
    ) -> Result<Arc<Task<impl Fn() -> bool + Send + Sync + 'static>>> {
        let cache = cache.clone();

        Task::start(move || hits(&cache, id) == Ok(expect_hit))
    }

    /// Waits until tasks had to wait so often.
    fn until_busy(cache: &Cache<FakeKeyslot>, times: u64) {
        while cache.counters().busy < times {
            fsleep(Delta::from_millis(1));
        }
    }

    #[test]
    fn waits_for_idle_slot() -> Result {
        let cache = cache(2)?;
        let [a, b, c, d] = ids(PrkId::next());
        let guards = [a, b].map(|id| cache.get(id, IO, |key| random::fill(key)));

        assert!(matches!(cache.try_get(c, IO, |_| ()), Err(EBUSY)));
        assert!(cache.try_get(a, IO, |_| ()).is_ok());
        let getters = [start_get(&cache, c, false)?, start_get(&cache, d, false)?];

        until_busy(&cache, 3);
        for getter in &getters {
            assert!(!getter.ended());
        }
        drop(guards);
        for getter in &getters {
            assert!(getter.wait());
        }
        assert_eq!(cache.counters().busy, 3);
        Ok(())
    }

    #[test]
    fn serves_in_order() -> Result {
        let cache = cache(1)?;
        let [held, wanted @ ..] = ids::<5>(PrkId::next());
        let guard = cache.get(held, IO, |key| random::fill(key))?;
        let served = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let mut getters = KVec::new();

        for (position, id) in wanted.into_iter().enumerate() {
            let getter = {
                let (cache, served) = (cache.clone(), served.clone());

                Task::start(move || {
                    let _guard = cache.get(id, IO, |key| random::fill(key));

                    served.fetch_add(1, Relaxed) == position as i32
                })?
            };

            getters.push(getter, GFP_KERNEL)?;
            until_busy(&cache, position as u64 + 1);
        }
        drop(guard);
        for getter in &getters {
            assert!(getter.wait());
        }
        // And each was woken once.
        assert_eq!(cache.counters().busy, 4);
        assert_eq!(cache.counters().wakeups, 4);
        Ok(())
    }

    /// Who finds a key there doesn't prolong its use when somebody waits for the slot.
    #[test]
    fn hits_do_not_overtake() -> Result {
        let cache = cache(2)?;
        let [a, b, c] = ids(PrkId::next());
        let guard = cache.get(a, IO, |key| random::fill(key))?;
        let other = cache.get(b, IO, |key| random::fill(key))?;
        let getter = start_get(&cache, c, false)?;
        until_busy(&cache, 1);
        let reader = start_get(&cache, a, false)?;
        until_busy(&cache, 2);

        // As many slots as are needed, and no more, are kept from others.
        assert!(matches!(cache.try_get(a, IO, |_| ()), Err(EBUSY)));
        assert!(!getter.ended() && !reader.ended());
        drop(guard);
        assert!(getter.wait() && reader.wait());
        assert!(hits(&cache, b)?);
        drop(other);
        Ok(())
    }

    /// Two wait for the same key: if one finds it, the slot it was granted is for the next.
    #[test]
    fn granted_slots_go_on() -> Result {
        let cache = cache(2)?;
        let [a, b, c, d] = ids(PrkId::next());
        let guards = [a, b].map(|id| cache.get(id, IO, |key| random::fill(key)));
        let getters = [c, c, d].map(|id| {
            let cache = cache.clone();

            Task::start(move || hits(&cache, id).is_ok())
        });

        until_busy(&cache, 3);
        drop(guards);
        for getter in getters {
            assert!(getter?.wait());
        }
        // Both slots are still there.
        let _both = (
            cache.get(a, IO, |key| random::fill(key))?,
            cache.get(b, IO, |key| random::fill(key))?,
        );
        Ok(())
    }

    #[test]
    fn scan_spares_hot_keys() -> Result {
        let cache = cache(24)?;
        let hot: [KeyId; 16] = ids(PrkId::next());

        for _ in 0..2 {
            for id in hot {
                hits(&cache, id)?;
            }
        }
        let scan = || -> Result {
            for _ in 0..100 {
                let [extent] = ids(PrkId::next());

                // In two pieces.
                assert!(!hits(&cache, extent)?);
                assert!(hits(&cache, extent)?);
            }
            Ok(())
        };
        scan()?;
        for id in hot {
            assert!(hits(&cache, id)?);
        }

        // One that is used no more makes room for one that is.
        let [new] = ids(PrkId::next());
        assert!(!hits(&cache, new)?);
        for id in hot {
            assert!(hits(&cache, id)?);
        }
        assert!(hits(&cache, new)?);
        scan()?;
        assert!(hits(&cache, new)?);
        assert!(!hits(&cache, hot[0])?);
        Ok(())
    }

    /// A key that isn't hot stays if few others are new between its uses.
    #[test]
    fn recent_key_stays() -> Result {
        let cache = cache(8)?;
        let [recent] = ids(PrkId::next());

        assert!(!hits(&cache, recent)?);
        for _ in 0..20 {
            for other in ids::<4>(PrkId::next()) {
                assert!(!hits(&cache, other)?);
            }
            assert!(hits(&cache, recent)?);
        }
        Ok(())
    }

    #[test]
    fn waits_for_key_to_be_set() -> Result {
        let cache = cache(2)?;
        let [id] = ids(PrkId::next());
        let getter = Cell::new(Err(ENODATA));

        let guard = cache.get(id, IO, |key| {
            assert!(matches!(cache.try_get(id, IO, |_| ()), Err(EBUSY)));
            getter.set(start_get(&cache, id, true));
            random::fill(key);
        })?;
        assert!(getter.replace(Err(ENODATA))?.wait());
        drop(guard);
        Ok(())
    }

    /// What a get has given, and what was started beside it.
    type Beside<'a, F> = (Result<SlotGuard<'a, FakeKeyslot>>, Arc<Task<F>>);

    /// Gets a slot, and starts something else before the key is set, which must wait for that.
    fn get_beside(
        cache: &Arc<Cache<FakeKeyslot>>,
        id: KeyId,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
        other: impl Fn(&Cache<FakeKeyslot>) + Send + Sync + 'static,
    ) -> Result<Beside<'_, impl Fn() -> bool + Send + Sync + 'static>> {
        let mut task = Err(ENODATA);
        let got = cache.get(id, IO, |key| {
            let cache = cache.clone();

            task = Task::start(move || {
                other(&cache);
                true
            })
            .inspect(|task| assert!(!task.ended()));
            derive(key);
        });

        Ok((got, task?))
    }

    /// The old key is in the cipher until the new one has been set, so it isn't gone before.
    #[test]
    fn purge_waits_for_key_to_be_replaced() -> Result {
        let cache = cache(1)?;
        let [old] = ids(PrkId::next());
        let [new] = ids(PrkId::next());

        assert!(!hits(&cache, old)?);
        let (guard, purge) = get_beside(
            &cache,
            new,
            |key| random::fill(key),
            move |cache| cache.purge(old.prk),
        )?;
        // Nor does it wait longer than that.
        assert!(purge.wait());
        drop(guard?);
        assert!(hits(&cache, new)?);
        Ok(())
    }

    /// Also if the new key is refused.
    #[test]
    fn purge_waits_for_key_to_be_forgotten() -> Result {
        let cache = cache(1)?;
        let [old] = ids(PrkId::next());
        let [new] = ids(PrkId::next());

        assert!(!hits(&cache, old)?);
        let (got, purge) = get_beside(&cache, new, |_| (), move |cache| cache.purge(old.prk))?;
        assert!(matches!(got, Err(EINVAL)));
        assert!(purge.wait());
        Ok(())
    }

    #[test]
    fn clear_wipes_all() -> Result {
        let cache = cache(4)?;
        let all = [ids::<2>(PrkId::next()), ids(PrkId::next())];

        for id in all.into_iter().flatten() {
            assert!(!hits(&cache, id)?);
        }
        cache.clear();
        for id in all.into_iter().flatten() {
            assert!(!hits(&cache, id)?);
        }
        Ok(())
    }

    #[test]
    fn clear_waits_for_key_in_use() -> Result {
        let cache = cache(2)?;
        let [id] = ids(PrkId::next());
        let guard = cache.get(id, IO, |key| random::fill(key))?;
        let clear = {
            let cache = cache.clone();
            Task::start(move || {
                cache.clear();
                true
            })?
        };

        assert!(!clear.ended());
        drop(guard);
        assert!(clear.wait());
        Ok(())
    }

    #[test]
    fn clear_waits_for_key_to_be_replaced() -> Result {
        let cache = cache(1)?;
        let [old, new] = ids(PrkId::next());

        assert!(!hits(&cache, old)?);
        let (guard, clear) =
            get_beside(&cache, new, |key| random::fill(key), |cache| cache.clear())?;
        drop(guard?);
        assert!(clear.wait());
        assert!(!hits(&cache, new)?);
        Ok(())
    }

    /// Takes its time to wipe a key.
    struct Reluctant {
        wipes: Arc<Gate>,
    }

    #[pin_data]
    struct Gate {
        #[pin]
        reached: Completion,
        #[pin]
        opened: Completion,
    }

    impl Keyslot for Reluctant {
        fn program(&mut self, _id: &KeyId, _key: &Key) -> Result {
            Ok(())
        }

        fn wipe(&mut self) {
            self.wipes.reached.complete_all();
            self.wipes.opened.wait_for_completion();
        }
    }

    /// What one task is wiping isn't gone for the others.
    #[test]
    fn clear_waits_for_purge() -> Result {
        let gate = Arc::pin_init(
            pin_init!(Gate {
                reached <- Completion::new(),
                opened <- Completion::new(),
            }),
            GFP_KERNEL,
        )?;
        let cache = Cache::new(1, || {
            Ok(Reluctant {
                wipes: gate.clone(),
            })
        })?;
        let [id] = ids(PrkId::next());
        let purge = {
            let cache = cache.clone();
            drop(cache.get(id, IO, |_| ())?);
            Task::start(move || {
                cache.purge(id.prk);
                true
            })?
        };

        gate.reached.wait_for_completion();
        let clear = {
            let cache = cache.clone();
            Task::start(move || {
                cache.clear();
                true
            })?
        };
        assert!(!purge.ended() && !clear.ended());
        gate.opened.complete_all();
        assert!(purge.wait());
        assert!(clear.wait());
        Ok(())
    }

    /// Several threads want more keys than there are slots, while those of another PRK are wiped.
    #[test]
    fn miss_storm() -> Result {
        const GETS: u64 = 1000;
        let cache = cache(3)?;
        let mut wanted: [KeyId; 8] = ids(PrkId::next());
        let [other] = ids(PrkId::next());
        let mut readers = KVec::new();

        for _ in 0..4 {
            let cache = cache.clone();
            let reader = Task::start(move || {
                let mut ids = wanted.iter().cycle().take(GETS as usize);

                ids.all(|&id| hits(&cache, id).is_ok())
            })?;

            readers.push(reader, GFP_KERNEL)?;
            wanted.rotate_left(2);
        }
        for _ in 0..200 {
            assert!(!hits(&cache, other)?);
            cache.purge(other.prk);
        }
        for reader in &readers {
            assert!(reader.wait());
        }
        let counters = cache.counters();
        assert_eq!(counters.hits + counters.misses, 4 * GETS + 200);

        // This would wait for ever if a slot was still in use.
        let [a, b, c, ..] = wanted;
        let _all = [a, b, c].map(|id| cache.get(id, IO, |key| random::fill(key)));
        Ok(())
    }

    /// Does something, and notes the time that it takes if it never took less.
    fn timed<T>(least: &mut Delta, work: impl FnOnce() -> T) -> T {
        let start = Instant::<Monotonic>::now();
        let result = work();

        *least = start.elapsed().min(*least);
        result
    }

    /// Says how long a hit takes, for `make bench`, where a nanosecond is an instruction.
    #[test]
    fn cost_of_hits() -> Result {
        let cache = Cache::new(32, || Cipher::new(&MODES[0]))?;
        let all: [KeyId; 16] = ids(PrkId::next());

        for id in all {
            assert!(!hits(&cache, id)?);
        }
        for (what, ids) in [("same key", &all[..1]), ("other key", &all)] {
            let [mut clock, mut get, mut find, mut put] = [Delta::from_millis(1); 4];
            let uses = || ids.iter().copied().cycle().take(1000);

            for id in uses() {
                timed(&mut clock, || ());
                let guard = timed(&mut get, || cache.get(id, IO, |_| ()))?;
                timed(&mut put, || drop(guard));
            }
            for id in uses() {
                let list = cache.hasher.list(&id);
                let mut state = cache.state.lock();
                let found = timed(&mut find, || state.table.find(&id, list, None));

                drop(state);
                let Found::Hit(index, _) = found else {
                    return Err(ENODATA);
                };
                cache.put(index);
            }
            let [get, find, put] = [get, find, put].map(|time| (time - clock).as_nanos());
            pr_info!("{what}: get {get} ns, of which find {find}; put {put}\n");
        }
        Ok(())
    }
}
