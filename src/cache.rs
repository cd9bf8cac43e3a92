// SPDX-License-Identifier: GPL-2.0-only

//! The cache of ciphers: a mode's preallocated ciphers, and the keys that are set in them. Another
//! has keys for blk-crypto in place of ciphers.
//!
//! A slot is a cipher and the key it has. It stays keyed after its use, so that the next I/O to
//! the same extent needs neither key derivation nor setting a key; a miss takes the slot that was
//! idle for the longest time. I/O with one key shares one slot.
//!
//! # Forward progress
//!
//! A caller that finds no idle slot waits for one without a time limit. The holders of the slots
//! don't wait for it: nobody holds two slots, nor waits for memory, locks or I/O while holding one.
//!
//! A key for blk-crypto is in use until its bio ends, which needs no other key, and happens although
//! the task that submitted it waits here for the next: a task that sleeps submits what it has
//! plugged.
//!
//! Setting a key and using it allocates nothing, in all modes. See
//! [`Cipher`](crate::cipher::Cipher) for the conditions.

use crate::{
    blk_crypto::Device,
    cipher::Direction,
    mode::{
        Mode,
        MAX_KEY_SIZE, //
    },
    root::RootId,
    secret::Secret,
    table::{
        Found,
        KeyHolder,
        KeyKind,
        KeyName,
        OfDevice,
        Table, //
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
        SpinLock, //
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
    /// How often a task slept for a slot.
    pub(crate) waits: u64,
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
    /// Number of tasks waiting for [`Cache::changed`].
    waiting: usize,
    counters: Counters,
}

/// The ciphers of one mode, or its keys for blk-crypto.
#[pin_data]
pub(crate) struct Cache<T: KeyHolder> {
    /// The mode.
    pub(crate) mode: &'static Mode,
    size: usize,
    #[pin]
    state: SpinLock<State<T>>,
    /// Signalled when a slot becomes idle or ready while somebody waits.
    #[pin]
    changed: CondVar,
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
    /// Allocates `size` holders. Sleeps, allocates with `GFP_KERNEL`.
    pub(crate) fn new(mode: &'static Mode, size: usize) -> Result<Arc<Self>> {
        let state = State {
            table: Table::new(mode, size)?,
            waiting: 0,
            counters: Counters::default(),
        };

        Arc::pin_init(
            pin_init!(Self {
                mode,
                size,
                state <- new_spinlock!(state, "fscrypt_extent::cache"),
                changed <- new_condvar!("fscrypt_extent::changed"),
            }),
            GFP_KERNEL,
        )
    }

    /// Changes the table such that waiting tasks have to look again.
    fn update<R>(&self, change: impl FnOnce(&mut State<T>) -> R) -> R {
        let mut state = self.state.lock();
        let result = change(&mut state);

        if state.waiting > 0 {
            self.changed.notify_all();
        }
        result
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
        // INVARIANT: The table says that the slot is in use.
        let guard = |index, holder| SlotGuard {
            cache: self,
            index,
            holder,
        };

        might_sleep();
        let mut state = self.state.lock();
        let (index, mut holder) = loop {
            match state.table.find(&name) {
                Found::Hit(index, holder) => {
                    state.counters.hits += 1;
                    let guard = guard(index, holder);
                    state.counters.count(purpose, guard.holder().in_hardware());
                    return Ok(guard);
                }
                Found::Miss(index, holder, evicted) => {
                    state.counters.misses += 1;
                    trace::miss(self.mode, name.root, index);
                    if let Some(root) = evicted {
                        state.counters.evictions += 1;
                        trace::evict(self.mode, root, index);
                    }
                    break (index, holder);
                }
                Found::Busy => {
                    state.counters.waits += 1;
                    state.waiting += 1;
                    self.changed.wait(&mut state);
                    state.waiting -= 1;
                }
            }
        };

        state.counters.derivations += u64::from(matches!(name.kind, KeyKind::Extent(_)));
        drop(state);
        pin_init::stack_pin_init!(let key = Secret::new(derive));
        if let Err(error) = holder.set_key(&name, &key) {
            // It may have parts of both keys now.
            holder.forget_key();
            self.update(|state| state.table.put_blank(index, holder));
            return Err(error);
        }

        let in_hardware = holder.in_hardware();
        let holder = self.update(|state| {
            state.counters.count(purpose, in_hardware);
            state.table.publish(index, name, holder)
        });
        Ok(guard(index, holder))
    }

    /// Ends a use of a slot. Takes a spinlock.
    pub(crate) fn put(&self, index: usize) {
        self.update(|state| state.table.put(index));
    }

    /// The counters. Takes a spinlock.
    pub(crate) fn counters(&self) -> Counters {
        self.state.lock().counters
    }

    /// Wipes all keys of `root`, none of which is in use.
    ///
    /// May be called in reclaim: takes a spinlock, for one slot at a time, and allocates nothing.
    /// It doesn't wait for a key that is just being replaced by another, which overwrites it.
    pub(crate) fn purge(&self, root: RootId) {
        loop {
            // The lock is not held in what follows.
            let taken = self.state.lock().table.take_of_root(root);
            let Some((index, mut holder)) = taken else {
                break;
            };

            holder.forget_key();
            self.update(|state| state.table.put_blank(index, holder));
            trace::wipe(self.mode, root, index);
        }
    }

    /// Wipes all keys for `device`, which gets no new ones.
    ///
    /// Waits for I/O with them, without a time limit. Takes the spinlock for one slot at a time.
    pub(crate) fn evict(&self, device: Device) {
        for index in 0..self.size {
            let mut state = self.state.lock();
            let taken = loop {
                match state.table.take_of_device(device, index) {
                    OfDevice::No => break None,
                    OfDevice::Taken(root, holder) => break Some((root, holder)),
                    OfDevice::Busy => {
                        state.waiting += 1;
                        self.changed.wait(&mut state);
                        state.waiting -= 1;
                    }
                }
            };

            drop(state);
            if let Some((root, mut holder)) = taken {
                holder.forget_key();
                self.update(|state| state.table.put_blank(index, holder));
                trace::wipe(self.mode, root, index);
            }
        }
    }
}

#[kunit_tests(fscrypt_extent_cache)]
mod tests {
    use super::*;
    use crate::{
        blk_crypto::Place,
        cipher::Cipher,
        context::Nonce,
        fixture::{
            hits,
            PURPOSE, //
        },
        mode::MODES,
        random, //
    };
    use core::cell::Cell;
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
            Delta, //
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
        Cache::new(&MODES[mode], size)
    }

    fn names<const N: usize>(root: RootId) -> [KeyName; N] {
        core::array::from_fn(|_| KeyName {
            root,
            kind: KeyKind::Extent(Nonce::random()),
            place: None,
        })
    }

    #[test]
    fn hit_and_miss() -> Result {
        let cache = cache(XTS, 5)?;
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
        assert_eq!(counters.waits, 0);
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

    #[test]
    fn evicts_keys_of_device() -> Result {
        let cache = cache(XTS, 8)?;
        let [name] = names(RootId::next());
        let on = |address: usize, data_unit_bits| -> Result<_> {
            // SAFETY: Only the address matters to ciphers.
            let device = unsafe { Device::new(address as *mut _) }.ok_or(EINVAL)?;

            Ok(KeyName {
                place: Some(Place {
                    device,
                    data_unit_bits,
                }),
                ..name
            })
        };
        let gone = [on(0x1000, 9)?, on(0x1000, 12)?];
        let kept = [on(0x2000, 9)?, on(0x2000, 12)?, name];

        for name in [gone[0], kept[0], gone[1], kept[1], kept[2]] {
            assert!(!hits(&cache, name)?);
        }
        if let Some(place) = gone[0].place {
            cache.evict(place.device);
        }
        for name in kept {
            assert!(hits(&cache, name)?);
        }
        for name in gone {
            assert!(!hits(&cache, name)?);
        }
        Ok(())
    }

    /// Gets a slot in another thread.
    #[pin_data]
    struct Getter {
        cache: Arc<Cache<Cipher>>,
        name: KeyName,
        /// Whether the key was there.
        hit: Atomic<bool>,
        got: Atomic<bool>,
        #[pin]
        done: Completion,
        #[pin]
        work: Work<Getter>,
    }

    impl_has_work! {
        impl HasWork<Self> for Getter { self.work }
    }

    impl WorkItem for Getter {
        type Pointer = Arc<Self>;

        fn run(this: Arc<Self>) {
            if let Ok(hit) = hits(&this.cache, this.name) {
                this.hit.store(hit, Relaxed);
                this.got.store(true, Relaxed);
            }
            this.done.complete_all();
        }
    }

    /// Starts to get a slot, and gives that the time to succeed.
    fn start_get(cache: &Arc<Cache<Cipher>>, name: KeyName) -> Result<Arc<Getter>> {
        let getter = Arc::pin_init(
            pin_init!(Getter {
                cache: cache.clone(),
                name,
                hit: Atomic::new(false),
                got: Atomic::new(false),
                done <- Completion::new(),
                work <- new_work!("fscrypt_extent::test"),
            }),
            GFP_KERNEL,
        )?;

        let _ = workqueue::system_unbound().enqueue(getter.clone());
        fsleep(Delta::from_millis(20));
        Ok(getter)
    }

    #[test]
    fn waits_for_idle_slot() -> Result {
        let cache = cache(XTS, 2)?;
        let [a, b, c, d] = names(RootId::next());
        let guards = [a, b].map(|name| cache.get(name, PURPOSE, |key| random::fill(key)));
        let getters = [start_get(&cache, c)?, start_get(&cache, d)?];

        for getter in &getters {
            assert!(!getter.got.load(Relaxed));
        }
        drop(guards);
        for getter in &getters {
            getter.done.wait_for_completion();
            assert!(getter.got.load(Relaxed));
            assert!(!getter.hit.load(Relaxed));
        }
        Ok(())
    }

    #[test]
    fn waits_for_keying() -> Result {
        let cache = cache(XTS, 2)?;
        let [name] = names(RootId::next());
        let getter = Cell::new(Err(ENODATA));

        let guard = cache.get(name, PURPOSE, |key| {
            getter.set(start_get(&cache, name));
            random::fill(key);
        })?;
        let getter = getter.replace(Err(ENODATA))?;
        getter.done.wait_for_completion();
        assert!(getter.hit.load(Relaxed));
        drop(guard);
        Ok(())
    }

    /// Gets many slots, in another thread.
    #[pin_data]
    struct Reader {
        cache: Arc<Cache<Cipher>>,
        names: [KeyName; 8],
        /// How many it got.
        gets: Atomic<u64>,
        #[pin]
        done: Completion,
        #[pin]
        work: Work<Reader>,
    }

    impl_has_work! {
        impl HasWork<Self> for Reader { self.work }
    }

    impl WorkItem for Reader {
        type Pointer = Arc<Self>;

        fn run(this: Arc<Self>) {
            for &name in this.names.iter().cycle().take(1000) {
                this.gets
                    .fetch_add(hits(&this.cache, name).is_ok().into(), Relaxed);
            }
            this.done.complete_all();
        }
    }

    fn start_reading(cache: &Arc<Cache<Cipher>>, names: [KeyName; 8]) -> Result<Arc<Reader>> {
        let reader = Arc::pin_init(
            pin_init!(Reader {
                cache: cache.clone(),
                names,
                gets: Atomic::new(0),
                done <- Completion::new(),
                work <- new_work!("fscrypt_extent::test"),
            }),
            GFP_KERNEL,
        )?;

        let _ = workqueue::system_unbound().enqueue(reader.clone());
        Ok(reader)
    }

    /// Several threads want more keys than there are slots, while those of another root are wiped.
    #[test]
    fn miss_storm() -> Result {
        let cache = cache(XTS, 3)?;
        let mut wanted: [KeyName; 8] = names(RootId::next());
        let [other] = names(RootId::next());
        let mut readers = KVec::new();

        for _ in 0..4 {
            readers.push(start_reading(&cache, wanted)?, GFP_KERNEL)?;
            wanted.rotate_left(2);
        }
        for _ in 0..200 {
            assert!(!hits(&cache, other)?);
            cache.purge(other.root);
        }
        for reader in &readers {
            reader.done.wait_for_completion();
            assert_eq!(reader.gets.load(Relaxed), 1000);
        }
        let counters = cache.counters();
        assert_eq!(counters.hits + counters.misses, 4 * 1000 + 200);

        // This would wait for ever if a slot was still in use.
        let [a, b, c, ..] = wanted;
        let _all = [a, b, c].map(|name| cache.get(name, PURPOSE, |key| random::fill(key)));
        Ok(())
    }
}
