// SPDX-License-Identifier: GPL-2.0-only

//! What is tried. loom fails a model that deadlocks, where a wakeup is lost for one, and one in
//! which a key is used and changed at a time.

use crate::{
    cache::{Cache, SlotGuard},
    error::{Result, EBUSY, EINVAL},
    keys::{
        key::{Key, KeyId, KeyKind, Keyslot, PrkId},
        nonce::Nonce,
    },
    mode::{Direction, Mode},
    stats::IoInfo,
    sync::wake_without_cause,
};
use loom::{
    cell::UnsafeCell,
    sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst},
    thread,
};
use std::sync::Arc;

const IO: IoInfo = IoInfo {
    direction: Direction::Encrypt,
    bytes: 4096,
};

/// A key that is refused.
const WEAK: u32 = 9;

/// How many keys of a PRK there are in all slots; whoever wipes them wants to find none.
type Left = Arc<[AtomicU32; 2]>;

/// Has a key until that is replaced or wiped.
struct ModelKeyslot {
    key: UnsafeCell<Option<KeyId>>,
    left: Left,
}

// SAFETY: loom finds whoever uses the key while it is changed.
unsafe impl Send for ModelKeyslot {}
// SAFETY: As above.
unsafe impl Sync for ModelKeyslot {}

impl ModelKeyslot {
    fn change(&mut self, key: Option<KeyId>) {
        let left = |id: KeyId| &self.left[id.prk.number() as usize];

        self.key.with_mut(|old| {
            // SAFETY: The pointer is valid.
            if let Some(old) = unsafe { std::mem::replace(&mut *old, key) } {
                left(old).fetch_sub(1, SeqCst);
            }
        });
        if let Some(key) = key {
            left(key).fetch_add(1, SeqCst);
        }
    }

    /// Whether it has the key `id`. What uses a key does this.
    fn has(&self, id: &KeyId) -> bool {
        // SAFETY: The pointer is valid.
        self.key.with(|key| unsafe { *key == Some(*id) })
    }
}

impl Keyslot for ModelKeyslot {
    fn program(&mut self, id: &KeyId, _key: &Key) -> Result {
        if id.kind == KeyKind::Extent(Nonce(WEAK)) {
            return Err(EINVAL);
        }
        self.change(Some(*id));
        Ok(())
    }

    fn wipe(&mut self) {
        self.change(None);
    }
}

struct World {
    cache: crate::sync::Arc<Cache<ModelKeyslot>>,
    left: Left,
}

impl World {
    fn new(size: usize) -> Arc<Self> {
        let left: Left = Arc::new([AtomicU32::new(0), AtomicU32::new(0)]);
        let cache = Cache::new(size, || {
            Ok(ModelKeyslot {
                key: UnsafeCell::new(None),
                left: left.clone(),
            })
        })
        .unwrap();

        Arc::new(Self { cache, left })
    }

    fn get(&self, id: KeyId) -> SlotGuard<'_, ModelKeyslot> {
        self.cache.get(id, IO, |_| ()).unwrap()
    }

    /// Gets a slot, uses it and puts it.
    fn use_key(&self, id: KeyId) {
        assert!(self.get(id).keyslot().has(&id));
    }

    /// Wipes the keys of a PRK that nobody uses.
    fn purge(&self, prk: u64) {
        self.cache.purge(PrkId::new(prk));
        assert_eq!(self.left[prk as usize].load(SeqCst), 0);
    }

    /// How often somebody had to wait.
    fn waits(&self) -> u64 {
        self.cache.counters().busy
    }
}

fn id(prk: u64, nonce: u32) -> KeyId {
    static MODE: Mode = Mode;

    KeyId {
        prk: PrkId::new(prk),
        kind: KeyKind::Extent(Nonce(nonce)),
        mode: &MODE,
        data_unit_bits: None,
    }
}

/// Tries all orders in which the tasks of `run` can go on, with at most `preemptions` in each.
fn in_all_orders(preemptions: Option<usize>, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();

    builder.preemption_bound = preemptions;
    builder.check(run);
}

/// Tries all orders of `tasks`, which share a cache of `size` slots, with at most `preemptions` in
/// each; then `last` in a task of its own.
fn model(
    size: usize,
    preemptions: Option<usize>,
    tasks: &[fn(&World)],
    last: impl Fn(&World) + Send + Sync + 'static,
) {
    let tasks = tasks.to_vec();

    in_all_orders(preemptions, move || {
        let world = World::new(size);
        let (first, others) = tasks.split_first().unwrap();
        let threads: Vec<_> = others
            .iter()
            .map(|&task| {
                let world = world.clone();
                thread::spawn(move || task(&world))
            })
            .collect();

        first(&world);
        for thread in threads {
            thread.join().unwrap();
        }
        last(&world);
    });
}

fn nothing(_: &World) {}

#[test]
fn three_keys_one_slot() {
    model(
        1,
        None,
        &[
            |world| world.use_key(id(0, 1)),
            |world| world.use_key(id(0, 2)),
            |world| world.use_key(id(0, 3)),
        ],
        nothing,
    );
}

#[test]
fn two_of_three_share_the_slot() {
    model(
        1,
        Some(6),
        &[
            |world| world.use_key(id(0, 1)),
            |world| world.use_key(id(0, 2)),
            |world| world.use_key(id(0, 1)),
        ],
        nothing,
    );
}

#[test]
fn three_keys_two_slots() {
    model(
        2,
        Some(3),
        &[
            |world| {
                world.use_key(id(0, 1));
                world.use_key(id(0, 2));
            },
            |world| world.use_key(id(0, 2)),
            |world| world.use_key(id(0, 3)),
        ],
        nothing,
    );
}

/// Two wait for the same key.  The second finds it, and the slot that he was granted goes to the
/// third.
#[test]
fn granted_slot_goes_on() {
    in_all_orders(Some(2), || {
        let world = World::new(2);
        let held = (world.get(id(0, 1)), world.get(id(0, 2)));
        let threads = [3, 3, 4].map(|nonce| {
            let world = world.clone();

            thread::spawn(move || world.use_key(id(0, nonce)))
        });

        while world.waits() < 3 {
            thread::yield_now();
        }
        drop(held);
        for thread in threads {
            thread.join().unwrap();
        }
        // Both slots are still there.
        for nonce in [5, 6] {
            world.get(id(0, nonce)).into_index();
        }
    });
}

/// Of tasks that wait, the first gets a slot first, though another is woken for it.
#[test]
fn wakes_without_cause() {
    in_all_orders(Some(3), || {
        let world = World::new(1);
        let served = Arc::new(AtomicU32::new(0));
        let held = world.get(id(0, 1));
        let threads = [0, 1].map(|position| {
            let thread = {
                let (world, served) = (world.clone(), served.clone());

                thread::spawn(move || {
                    wake_without_cause(1 - position);
                    let _guard = world.get(id(0, 2 + position));

                    assert_eq!(served.fetch_add(1, SeqCst), position);
                })
            };

            while world.waits() <= position.into() {
                thread::yield_now();
            }
            thread
        });

        drop(held);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

/// Starts a task that uses a key, and says when it has got it.
fn start_use(world: &Arc<World>, id: KeyId) -> (thread::JoinHandle<()>, Arc<AtomicBool>) {
    let (world, got) = (world.clone(), Arc::new(AtomicBool::new(false)));
    let task = {
        let got = got.clone();

        thread::spawn(move || {
            let guard = world.get(id);

            got.store(true, SeqCst);
            assert!(guard.keyslot().has(&id));
        })
    };

    (task, got)
}

/// Who waits for a key to be set is the next to use it, whatever that task does then.
#[test]
fn key_waiter_is_not_overtaken() {
    in_all_orders(Some(4), || {
        let world = World::new(1);
        let (waiter, got) = start_use(&world, id(0, 1));

        for nonce in [1, 2, 3] {
            let is_behind = world.waits() > 0;

            world.use_key(id(0, nonce));
            assert!(!is_behind || got.load(SeqCst));
        }
        waiter.join().unwrap();
    });
}

/// Who can't set his key leaves the slot to those who wait for it and for the key.
#[test]
fn refused_key() {
    let refused = |world: &World| {
        assert!(matches!(
            world.cache.get(id(0, WEAK), IO, |_| ()),
            Err(EINVAL)
        ));
    };

    model(
        1,
        None,
        &[refused, refused, |world| world.use_key(id(0, 1))],
        nothing,
    );
}

#[test]
fn purge_beside_replacement() {
    model(
        1,
        Some(4),
        &[
            |world| {
                world.use_key(id(0, 1));
                world.purge(0);
            },
            |world| world.use_key(id(1, 2)),
            |world| world.use_key(id(1, 3)),
        ],
        |world| world.purge(1),
    );
}

#[test]
fn purge_beside_refused_key() {
    model(
        2,
        None,
        &[
            |world| {
                world.use_key(id(0, 1));
                world.use_key(id(0, 2));
                world.purge(0);
            },
            |world| {
                let _ = world.cache.get(id(1, WEAK), IO, |_| ());
            },
        ],
        nothing,
    );
}

/// Nobody gets new keys while all are wiped, but others may wipe some.
#[test]
fn clear_beside_use_and_purge() {
    model(
        2,
        None,
        &[|world| {
            let guards = (world.get(id(0, 1)), world.get(id(1, 2)));
            let cleared = Arc::new(AtomicBool::new(false));
            let clear = {
                let (cache, left) = (world.cache.clone(), world.left.clone());
                let cleared = cleared.clone();

                thread::spawn(move || {
                    cache.clear();
                    cleared.store(true, SeqCst);
                    assert!(left.iter().all(|left| left.load(SeqCst) == 0));
                })
            };

            assert!(guards.1.keyslot().has(&id(1, 2)) && !cleared.load(SeqCst));
            drop(guards);
            world.purge(0);
            clear.join().unwrap();
        }],
        nothing,
    );
}

/// Once all keys are wiped, nobody touches the cache who has used one.
#[test]
fn freed_after_clear() {
    in_all_orders(None, || {
        let world = World::new(1);
        let cache: *const Cache<ModelKeyslot> = &*world.cache;
        let threads = [1, 1].map(|nonce| {
            let index = world.get(id(0, nonce)).into_index();
            let cache = cache as usize;

            thread::spawn(move || {
                // SAFETY: It isn't freed before that use has ended.
                unsafe { &*(cache as *const Cache<ModelKeyslot>) }.put(index);
            })
        });

        world.cache.clear();
        drop(world);
        for thread in threads {
            thread.join().unwrap();
        }
    });
}

#[test]
fn tries_without_waiting() {
    let tries = |world: &World| match world.cache.try_get(id(0, 1), IO, |_| ()) {
        Ok(guard) => assert!(guard.keyslot().has(&id(0, 1))),
        Err(error) => assert_eq!(error, EBUSY),
    };

    model(
        1,
        Some(6),
        &[tries, tries, |world| world.use_key(id(0, 2))],
        nothing,
    );
}

/// A task that waits isn't overtaken by one that comes later, though that finds its key.
#[test]
fn hits_do_not_overtake() {
    in_all_orders(Some(4), || {
        let world = World::new(1);
        let (waiter, got) = start_use(&world, id(0, 2));
        let reader = {
            let world = world.clone();

            thread::spawn(move || {
                // If it is the other reader that waits, then for that task to have done.
                let is_behind = world.waits() > 0;
                let guard = world.get(id(0, 1));

                assert!(!is_behind || got.load(SeqCst));
                assert!(guard.keyslot().has(&id(0, 1)));
            })
        };

        world.use_key(id(0, 1));
        waiter.join().unwrap();
        reader.join().unwrap();
    });
}
