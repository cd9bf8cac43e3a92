// SPDX-License-Identifier: GPL-2.0-only

//! The cache of ciphers: a mode's preallocated ciphers, and the keys that are set in them. Another
//! has keys for blk-crypto in place of ciphers.
//!
//! A slot is a cipher and the key it has. It stays keyed after its use, so that the next I/O to
//! the same extent needs neither key derivation nor setting a key; a miss takes an idle slot, as
//! [`table`](crate::table) says. I/O with one key shares one slot.
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
//! [`Cipher`](crate::cipher::Cipher) for the conditions.

use crate::{
    cipher::Direction,
    mode::MAX_KEY_SIZE,
    root::RootId,
    secret::Secret,
    table::{
        Found,
        Granted,
        Hasher,
        Joined,
        KeyHolder,
        KeyKind,
        KeyName,
        Outcome,
        Table,
        Taken,
        Users, //
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

/// What happened to a cache since it was made.
#[derive(Clone, Copy, Default)]
pub(crate) struct Counters {
    /// Uses of a slot that had the key.
    pub(crate) hits: u64,
    /// Uses of a slot that had to get the key.
    pub(crate) misses: u64,
    /// Keys that had to make room for others.
    pub(crate) evictions: u64,
    /// Keys that were derived at a miss. With `FSCRYPT_POLICY_FLAG_DIRECT_KEY` there are none.
    pub(crate) derivations: u64,
    /// How often a task found no idle slot, or a key that was just being set, and slept or did
    /// without.
    pub(crate) busy: u64,
    /// How often a task was woken that slept for that.
    pub(crate) wakeups: u64,
    /// What was done by software, and by hardware.
    pub(crate) volumes: [Volumes; 2],
}

/// An amount of I/O each way.
#[derive(Clone, Copy, Default)]
pub(crate) struct Volumes {
    /// What was encrypted.
    pub(crate) encrypted: Volume,
    /// What was decrypted.
    pub(crate) decrypted: Volume,
}

/// An amount of I/O.
#[derive(Clone, Copy, Default)]
pub(crate) struct Volume {
    /// Number of bios, or parts of bios.
    pub(crate) bios: u64,
    /// Their size.
    pub(crate) bytes: u64,
}

/// What a slot is wanted for, to be counted.
#[derive(Clone, Copy)]
pub(crate) struct Purpose {
    /// What is to be done.
    pub(crate) direction: Direction,
    /// To how many bytes.
    pub(crate) bytes: u32,
}

impl Counters {
    fn count(&mut self, purpose: Purpose, in_hardware: bool) {
        let volumes = &mut self.volumes[usize::from(in_hardware)];
        let volume = match purpose.direction {
            Direction::Encrypt => &mut volumes.encrypted,
            Direction::Decrypt => &mut volumes.decrypted,
        };

        volume.bios += 1;
        volume.bytes += u64::from(purpose.bytes);
    }
}

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
#[pin_data]
pub(crate) struct Cache<T: KeyHolder> {
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

/// A holder with the key that was asked for. Its slot is in use as long as this lives.
pub(crate) struct SlotGuard<'a, T: KeyHolder> {
    cache: &'a Cache<T>,
    index: usize,
    // INVARIANT: Points to the holder of that slot, which is in use, so it stays there.
    holder: NonNull<T>,
}

impl<T: KeyHolder> SlotGuard<'_, T> {
    /// The cipher, or the key for blk-crypto.
    pub(crate) fn holder(&self) -> &T {
        // SAFETY: It is valid by the type invariant, and as long as the slot is in use, nobody has
        // a mutable reference.
        unsafe { self.holder.as_ref() }
    }

    /// Leaves the slot in use, until [`Cache::put`] with the number that this returns.
    pub(crate) fn keep(self) -> usize {
        let index = self.index;

        forget(self);
        index
    }
}

impl<T: KeyHolder> Drop for SlotGuard<'_, T> {
    fn drop(&mut self) {
        self.cache.put(self.index);
    }
}

impl<T: KeyHolder> Cache<T> {
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
                Outcome::Keying => (),
                Outcome::Set(index, holder) => return Some((index, holder)),
                Outcome::Refused => return None,
            }
        }
    }

    /// Gets a holder with the key `name`, which `derive` makes if no slot has it.
    ///
    /// Sleeps until a slot is idle, so the caller must have none. The wait is uninterruptible, as
    /// I/O can't be given up for a signal. `EINVAL` if the key is refused.
    pub(crate) fn get(
        &self,
        name: KeyName,
        purpose: Purpose,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        self.get_or(IfBusy::Wait, name, purpose, derive)
    }

    /// The same, but `EBUSY` if no slot is idle, or another task is about to set the key.
    pub(crate) fn try_get(
        &self,
        name: KeyName,
        purpose: Purpose,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        self.get_or(IfBusy::Fail, name, purpose, derive)
    }

    fn get_or(
        &self,
        if_busy: IfBusy,
        name: KeyName,
        purpose: Purpose,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
    ) -> Result<SlotGuard<'_, T>> {
        // INVARIANT: The table says that the slot is in use.
        let guard = |index, holder| SlotGuard {
            cache: self,
            index,
            holder,
        };

        might_sleep();
        let list = self.hasher.list(&name);
        let mut state = self.state.lock();
        let mut granted = None;
        let (index, mut holder) = loop {
            let hit = match state.table.find(&name, list, granted.as_ref()) {
                Found::Hit(index, holder) => {
                    if granted.is_some() {
                        // That goes to the next one.
                        self.announce(&mut state);
                    }
                    Some((index, holder))
                }
                Found::Miss(index, holder, evicted) => {
                    state.counters.misses += 1;
                    trace::miss(&name, index);
                    if let Some(evicted) = evicted {
                        state.counters.evictions += 1;
                        trace::evict(&evicted, index);
                    }
                    break (index, holder);
                }
                Found::Keying(_) | Found::Busy if if_busy == IfBusy::Fail => {
                    state.counters.busy += 1;
                    return Err(EBUSY);
                }
                Found::Keying(index) => {
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

            if let Some((index, holder)) = hit {
                state.counters.hits += 1;
                let guard = guard(index, holder);
                state.counters.count(purpose, guard.holder().in_hardware());
                return Ok(guard);
            }
        };

        state.counters.derivations += u64::from(matches!(name.kind, KeyKind::Extent(_)));
        drop(state);
        pin_init::stack_pin_init!(let key = Secret::new(derive));
        if let Err(error) = holder.set_key(&name, &key) {
            // It may have parts of both keys now.
            holder.forget_key();
            let mut state = self.state.lock();
            state.table.put_blank(index, holder);
            self.announce_key(&mut state);
            return Err(error);
        }

        let mut state = self.state.lock();
        state.counters.count(purpose, holder.in_hardware());
        let holder = state.table.publish(index, name, holder);
        self.announce_key(&mut state);
        Ok(guard(index, holder))
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

    /// Wipes all keys of `root`, none of which is in use. None is left on return.
    ///
    /// May be called in reclaim: takes a spinlock, for one slot at a time, and allocates nothing.
    /// Waits for tasks that are just replacing such a key by another, which don't allocate either.
    pub(crate) fn purge(&self, root: RootId) {
        self.wipe(|table| table.take_of_root(root));
    }

    /// Wipes all keys, when nobody gets new ones. None is left on return.
    ///
    /// Waits for those that are in use, without a time limit.
    pub(crate) fn clear(&self) {
        let mut index = 0;

        self.wipe(|table| {
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
    fn wipe(&self, mut take: impl FnMut(&mut Table<T>) -> Taken<T>) {
        loop {
            let mut state = self.state.lock();
            let (index, name, mut holder) = loop {
                match take(&mut state.table) {
                    Taken::Nothing => return,
                    Taken::Busy => {
                        state.wiping += 1;
                        self.changed.wait(&mut state);
                        state.wiping -= 1;
                    }
                    Taken::Slot(index, name, holder) => break (index, name, holder),
                }
            };

            drop(state);
            holder.forget_key();
            let mut state = self.state.lock();
            state.table.put_blank(index, holder);
            self.announce(&mut state);
            drop(state);
            trace::wipe(&name, index);
        }
    }
}

#[kunit_tests(fscrypt_extent_cache)]
mod tests {
    use super::*;
    use crate::{
        cipher::{
            Cipher,
            Key, //
        },
        context::Nonce,
        fixture::{
            hits,
            PURPOSE, //
        },
        mode::MODES,
        random, //
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

    const XTS: usize = 0;

    fn cache(mode: usize, size: usize) -> Result<Arc<Cache<Cipher>>> {
        Cache::new(size, || Cipher::new(&MODES[mode]))
    }

    fn names<const N: usize>(root: RootId) -> [KeyName; N] {
        core::array::from_fn(|_| KeyName {
            root,
            kind: KeyKind::Extent(Nonce::random()),
            mode: &MODES[XTS],
            data_unit_bits: None,
        })
    }

    #[test]
    fn hit_and_miss() -> Result {
        let cache = cache(XTS, 7)?;
        let [a, b] = names(RootId::next());
        let all = [
            a,
            b,
            KeyName {
                root: RootId::next(),
                ..a
            },
            KeyName {
                kind: KeyKind::Direct,
                ..a
            },
            KeyName {
                kind: KeyKind::RawDirect,
                ..a
            },
            KeyName {
                mode: &MODES[XTS + 1],
                ..a
            },
            KeyName {
                data_unit_bits: NonZeroU8::new(9),
                ..a
            },
        ];

        for name in all {
            assert!(!hits(&cache, name)?);
        }
        for name in all {
            assert!(hits(&cache, name)?);
        }
        Ok(())
    }

    #[test]
    fn evicts_least_recently_used() -> Result {
        let cache = cache(XTS, 3)?;
        let [a, b, c, d, e] = names(RootId::next());

        for name in [a, b, c] {
            assert!(!hits(&cache, name)?);
        }
        assert!(hits(&cache, a)?);
        // In place of b, then c.
        assert!(!hits(&cache, d)?);
        assert!(!hits(&cache, e)?);
        for name in [a, d, e] {
            assert!(hits(&cache, name)?);
        }
        assert!(!hits(&cache, b)?);
        Ok(())
    }

    #[test]
    fn counts() -> Result {
        let cache = cache(XTS, 2)?;
        let [a, b, c] = names(RootId::next());
        let direct = KeyName {
            kind: KeyKind::Direct,
            ..a
        };

        for name in [a, a, b, c, direct] {
            hits(&cache, name)?;
        }
        cache.get(
            direct,
            Purpose {
                direction: Direction::Decrypt,
                bytes: 512,
            },
            |_| (),
        )?;

        let counters = cache.counters();
        assert_eq!((counters.hits, counters.misses), (2, 4));
        assert_eq!((counters.evictions, counters.derivations), (2, 3));
        assert_eq!(counters.busy, 0);
        assert_eq!(
            (
                counters.volumes[0].encrypted.bios,
                counters.volumes[0].encrypted.bytes
            ),
            (5, 5 * 4096)
        );
        assert_eq!(
            (
                counters.volumes[0].decrypted.bios,
                counters.volumes[0].decrypted.bytes
            ),
            (1, 512)
        );
        Ok(())
    }

    #[test]
    fn shares_slot() -> Result {
        let cache = cache(XTS, 1)?;
        let [a, b] = names(RootId::next());
        let first = cache.get(a, PURPOSE, |key| random::fill(key))?;
        let second = cache.get(a, PURPOSE, |key| random::fill(key))?;

        assert_eq!(first.holder, second.holder);
        drop((first, second));
        assert!(!hits(&cache, b)?);
        Ok(())
    }

    #[test]
    fn failed_key_is_not_found() -> Result {
        let cache = cache(XTS, 1)?;
        let [a, b] = names(RootId::next());

        assert!(!hits(&cache, a)?);
        // All zeroes is a weak key.
        assert!(matches!(cache.get(b, PURPOSE, |_| ()), Err(EINVAL)));
        assert!(!hits(&cache, b)?);
        assert!(hits(&cache, b)?);
        assert!(!hits(&cache, a)?);
        Ok(())
    }

    #[test]
    fn purge_spares_other_roots() -> Result {
        let cache = cache(XTS, 8)?;
        // With eight lists, the first and the last root share one.
        let roots: [RootId; 9] = core::array::from_fn(|_| RootId::next());
        let gone: [KeyName; 3] = names(roots[0]);
        let kept: [KeyName; 3] = names(roots[8]);

        for name in [gone[0], kept[0], gone[1], kept[1], gone[2], kept[2]] {
            assert!(!hits(&cache, name)?);
        }
        cache.purge(roots[0]);
        for name in kept {
            assert!(hits(&cache, name)?);
        }
        for name in gone {
            assert!(!hits(&cache, name)?);
        }
        Ok(())
    }

    #[test]
    fn purged_slots_are_used_again() -> Result {
        for mode in 0..MODES.len() {
            let cache = cache(mode, 2)?;
            let [a, b] = names(RootId::next());

            for name in [a, b] {
                assert!(!hits(&cache, name)?);
            }
            cache.purge(a.root);
            let _both = (
                cache.get(a, PURPOSE, |key| random::fill(key))?,
                cache.get(b, PURPOSE, |key| random::fill(key))?,
            );
        }
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
        cache: &Arc<Cache<Cipher>>,
        name: KeyName,
        expect_hit: bool,
    ) -> Result<Arc<Task<impl Fn() -> bool + Send + Sync + 'static>>> {
        let cache = cache.clone();

        Task::start(move || hits(&cache, name) == Ok(expect_hit))
    }

    /// Waits until tasks had to wait so often.
    fn until_busy(cache: &Cache<Cipher>, times: u64) {
        while cache.counters().busy < times {
            fsleep(Delta::from_millis(1));
        }
    }

    #[test]
    fn waits_for_idle_slot() -> Result {
        let cache = cache(XTS, 2)?;
        let [a, b, c, d] = names(RootId::next());
        let guards = [a, b].map(|name| cache.get(name, PURPOSE, |key| random::fill(key)));

        assert!(matches!(cache.try_get(c, PURPOSE, |_| ()), Err(EBUSY)));
        assert!(cache.try_get(a, PURPOSE, |_| ()).is_ok());
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
        let cache = cache(XTS, 1)?;
        let [held, wanted @ ..] = names::<5>(RootId::next());
        let guard = cache.get(held, PURPOSE, |key| random::fill(key))?;
        let served = Arc::new(Atomic::new(0), GFP_KERNEL)?;
        let mut getters = KVec::new();

        for (position, name) in wanted.into_iter().enumerate() {
            let getter = {
                let (cache, served) = (cache.clone(), served.clone());

                Task::start(move || {
                    let _guard = cache.get(name, PURPOSE, |key| random::fill(key));

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
        let cache = cache(XTS, 2)?;
        let [a, b, c] = names(RootId::next());
        let guard = cache.get(a, PURPOSE, |key| random::fill(key))?;
        let other = cache.get(b, PURPOSE, |key| random::fill(key))?;
        let getter = start_get(&cache, c, false)?;
        until_busy(&cache, 1);
        let reader = start_get(&cache, a, false)?;
        until_busy(&cache, 2);

        // As many slots as are needed, and no more, are kept from others.
        assert!(matches!(cache.try_get(a, PURPOSE, |_| ()), Err(EBUSY)));
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
        let cache = cache(XTS, 2)?;
        let [a, b, c, d] = names(RootId::next());
        let guards = [a, b].map(|name| cache.get(name, PURPOSE, |key| random::fill(key)));
        let getters = [c, c, d].map(|name| {
            let cache = cache.clone();

            Task::start(move || hits(&cache, name).is_ok())
        });

        until_busy(&cache, 3);
        drop(guards);
        for getter in getters {
            assert!(getter?.wait());
        }
        // Both slots are still there.
        let _both = (
            cache.get(a, PURPOSE, |key| random::fill(key))?,
            cache.get(b, PURPOSE, |key| random::fill(key))?,
        );
        Ok(())
    }

    #[test]
    fn scan_spares_hot_keys() -> Result {
        let cache = cache(XTS, 24)?;
        let hot: [KeyName; 16] = names(RootId::next());

        for _ in 0..2 {
            for name in hot {
                hits(&cache, name)?;
            }
        }
        let scan = || -> Result {
            for _ in 0..100 {
                let [extent] = names(RootId::next());

                // In two pieces.
                assert!(!hits(&cache, extent)?);
                assert!(hits(&cache, extent)?);
            }
            Ok(())
        };
        scan()?;
        for name in hot {
            assert!(hits(&cache, name)?);
        }

        // One that is used no more makes room for one that is.
        let [new] = names(RootId::next());
        assert!(!hits(&cache, new)?);
        for name in hot {
            assert!(hits(&cache, name)?);
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
        let cache = cache(XTS, 8)?;
        let [recent] = names(RootId::next());

        assert!(!hits(&cache, recent)?);
        for _ in 0..20 {
            for other in names::<4>(RootId::next()) {
                assert!(!hits(&cache, other)?);
            }
            assert!(hits(&cache, recent)?);
        }
        Ok(())
    }

    #[test]
    fn waits_for_keying() -> Result {
        let cache = cache(XTS, 2)?;
        let [name] = names(RootId::next());
        let getter = Cell::new(Err(ENODATA));

        let guard = cache.get(name, PURPOSE, |key| {
            assert!(matches!(cache.try_get(name, PURPOSE, |_| ()), Err(EBUSY)));
            getter.set(start_get(&cache, name, true));
            random::fill(key);
        })?;
        assert!(getter.replace(Err(ENODATA))?.wait());
        drop(guard);
        Ok(())
    }

    /// What a get has given, and what was started beside it.
    type Beside<'a, F> = (Result<SlotGuard<'a, Cipher>>, Arc<Task<F>>);

    /// Gets a slot, and starts something else before the key is set, which must wait for that.
    fn get_beside(
        cache: &Arc<Cache<Cipher>>,
        name: KeyName,
        derive: impl FnOnce(&mut [u8; MAX_KEY_SIZE]),
        other: impl Fn(&Cache<Cipher>) + Send + Sync + 'static,
    ) -> Result<Beside<'_, impl Fn() -> bool + Send + Sync + 'static>> {
        let mut task = Err(ENODATA);
        let got = cache.get(name, PURPOSE, |key| {
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
        let cache = cache(XTS, 1)?;
        let [old] = names(RootId::next());
        let [new] = names(RootId::next());

        assert!(!hits(&cache, old)?);
        let (guard, purge) = get_beside(
            &cache,
            new,
            |key| random::fill(key),
            move |cache| cache.purge(old.root),
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
        let cache = cache(XTS, 1)?;
        let [old] = names(RootId::next());
        let [new] = names(RootId::next());

        assert!(!hits(&cache, old)?);
        let (got, purge) = get_beside(&cache, new, |_| (), move |cache| cache.purge(old.root))?;
        assert!(matches!(got, Err(EINVAL)));
        assert!(purge.wait());
        Ok(())
    }

    #[test]
    fn clear_wipes_all() -> Result {
        let cache = cache(XTS, 4)?;
        let all = [names::<2>(RootId::next()), names(RootId::next())];

        for name in all.into_iter().flatten() {
            assert!(!hits(&cache, name)?);
        }
        cache.clear();
        for name in all.into_iter().flatten() {
            assert!(!hits(&cache, name)?);
        }
        Ok(())
    }

    #[test]
    fn clear_waits_for_key_in_use() -> Result {
        let cache = cache(XTS, 2)?;
        let [name] = names(RootId::next());
        let guard = cache.get(name, PURPOSE, |key| random::fill(key))?;
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
        let cache = cache(XTS, 1)?;
        let [old, new] = names(RootId::next());

        assert!(!hits(&cache, old)?);
        let (guard, clear) =
            get_beside(&cache, new, |key| random::fill(key), |cache| cache.clear())?;
        drop(guard?);
        assert!(clear.wait());
        assert!(!hits(&cache, new)?);
        Ok(())
    }

    /// Takes its time to forget a key.
    struct Reluctant {
        forgets: Arc<Gate>,
    }

    #[pin_data]
    struct Gate {
        #[pin]
        reached: Completion,
        #[pin]
        opened: Completion,
    }

    impl KeyHolder for Reluctant {
        fn set_key(&mut self, _name: &KeyName, _key: &Key) -> Result {
            Ok(())
        }

        fn forget_key(&mut self) {
            self.forgets.reached.complete_all();
            self.forgets.opened.wait_for_completion();
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
                forgets: gate.clone(),
            })
        })?;
        let [name] = names(RootId::next());
        let purge = {
            let cache = cache.clone();
            drop(cache.get(name, PURPOSE, |_| ())?);
            Task::start(move || {
                cache.purge(name.root);
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

    /// Several threads want more keys than there are slots, while those of another root are wiped.
    #[test]
    fn miss_storm() -> Result {
        const GETS: u64 = 1000;
        let cache = cache(XTS, 3)?;
        let mut wanted: [KeyName; 8] = names(RootId::next());
        let [other] = names(RootId::next());
        let mut readers = KVec::new();

        for _ in 0..4 {
            let cache = cache.clone();
            let reader = Task::start(move || {
                let mut names = wanted.iter().cycle().take(GETS as usize);

                names.all(|&name| hits(&cache, name).is_ok())
            })?;

            readers.push(reader, GFP_KERNEL)?;
            wanted.rotate_left(2);
        }
        for _ in 0..200 {
            assert!(!hits(&cache, other)?);
            cache.purge(other.root);
        }
        for reader in &readers {
            assert!(reader.wait());
        }
        let counters = cache.counters();
        assert_eq!(counters.hits + counters.misses, 4 * GETS + 200);

        // This would wait for ever if a slot was still in use.
        let [a, b, c, ..] = wanted;
        let _all = [a, b, c].map(|name| cache.get(name, PURPOSE, |key| random::fill(key)));
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
        let cache = cache(XTS, 32)?;
        let all: [KeyName; 16] = names(RootId::next());

        for name in all {
            assert!(!hits(&cache, name)?);
        }
        for (what, names) in [("same key", &all[..1]), ("other key", &all)] {
            let [mut clock, mut get, mut find, mut put] = [Delta::from_millis(1); 4];
            let uses = || names.iter().copied().cycle().take(1000);

            for name in uses() {
                timed(&mut clock, || ());
                let guard = timed(&mut get, || cache.get(name, PURPOSE, |_| ()))?;
                timed(&mut put, || drop(guard));
            }
            for name in uses() {
                let list = cache.hasher.list(&name);
                let mut state = cache.state.lock();
                let found = timed(&mut find, || state.table.find(&name, list, None));

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
