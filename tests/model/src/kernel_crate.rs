// SPDX-License-Identifier: GPL-2.0-only

//! What the cache's sources use of the kernel crate, on loom's locks.

/// See `rust/kernel/prelude.rs`.
pub mod prelude {
    pub use super::{
        alloc::{KBox, KVVec, GFP_KERNEL},
        error::{Error, Result, EBUSY, EINVAL},
        pin_init,
    };
    pub use crate::pin_init;
    pub use macros::{kunit_tests, pin_data};
}

pub use std::fmt;

/// Errors are told apart by their names only.
pub mod error {
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Error {
        Busy,
        Invalid,
    }

    pub use Error::{Busy as EBUSY, Invalid as EINVAL};

    pub type Result<T = (), E = Error> = core::result::Result<T, E>;

    impl From<std::num::TryFromIntError> for Error {
        fn from(_: std::num::TryFromIntError) -> Self {
            EINVAL
        }
    }
}

/// Allocations don't fail here.
pub mod alloc {
    use super::error::{Result, EINVAL};
    use std::ops::{Deref, DerefMut};

    #[derive(Clone, Copy)]
    pub struct Flags;

    pub const GFP_KERNEL: Flags = Flags;

    pub struct KBox<T>(Box<T>);

    impl<T> KBox<T> {
        pub fn new(value: T, _flags: Flags) -> Result<Self> {
            Ok(Self(Box::new(value)))
        }
    }

    impl<T> Deref for KBox<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    impl<T> DerefMut for KBox<T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.0
        }
    }

    pub struct KVVec<T>(Vec<T>);

    impl<T> KVVec<T> {
        pub fn with_capacity(capacity: usize, _flags: Flags) -> Result<Self> {
            Ok(Self(Vec::with_capacity(capacity)))
        }

        pub fn push_within_capacity(&mut self, value: T) -> Result {
            if self.0.len() == self.0.capacity() {
                return Err(EINVAL);
            }
            self.0.push(value);
            Ok(())
        }
    }

    impl<T> Deref for KVVec<T> {
        type Target = [T];

        fn deref(&self) -> &[T] {
            &self.0
        }
    }

    impl<T> DerefMut for KVVec<T> {
        fn deref_mut(&mut self) -> &mut [T] {
            &mut self.0
        }
    }
}

/// Objects are initialized where they are made.
pub mod pin_init {
    pub use crate::stack_pin_init;

    #[macro_export]
    macro_rules! pin_init {
        (@value $field:ident) => { $field };
        (@value $field:ident $init:expr) => { $init };
        (Self { $($field:ident $(<- $init:expr)?),* $(,)? }) => {
            Self { $($field: $crate::pin_init!(@value $field $($init)?)),* }
        };
    }

    #[macro_export]
    macro_rules! stack_pin_init {
        (let $name:ident = $init:expr) => {
            let $name = $init;
        };
    }
}

pub mod sync {
    use super::{alloc::Flags, error::Result};
    use loom::{
        sync::{Condvar, Mutex, MutexGuard},
        thread::yield_now,
    };
    use std::{
        cell::Cell,
        ops::{Deref, DerefMut},
    };

    pub use crate::{new_condvar, new_spinlock};

    #[macro_export]
    macro_rules! new_spinlock {
        ($value:expr, $name:expr) => {
            $crate::sync::SpinLock::new($value)
        };
    }

    #[macro_export]
    macro_rules! new_condvar {
        ($name:expr) => {
            $crate::sync::CondVar::new()
        };
    }

    pub struct Arc<T>(std::sync::Arc<T>);

    impl<T> Arc<T> {
        pub fn new(value: T, _flags: Flags) -> Result<Self> {
            Ok(Self(std::sync::Arc::new(value)))
        }

        pub fn pin_init(value: T, flags: Flags) -> Result<Self> {
            Self::new(value, flags)
        }
    }

    impl<T> Clone for Arc<T> {
        fn clone(&self) -> Self {
            Self(self.0.clone())
        }
    }

    impl<T> Deref for Arc<T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.0
        }
    }

    pub mod atomic {
        use loom::{
            cell::UnsafeCell,
            sync::atomic::{AtomicU32, Ordering},
        };
        use std::{marker::PhantomData, thread::panicking};

        pub use Ordering::{AcqRel as Full, Acquire, Relaxed, Release};

        /// The cell is read at each use and changed when this is freed, so that loom finds whoever
        /// uses it afterwards.
        pub struct Atomic<T>(AtomicU32, UnsafeCell<PhantomData<T>>);

        // SAFETY: There is nothing in the cell.
        unsafe impl<T> Sync for Atomic<T> {}

        impl<T> Drop for Atomic<T> {
            fn drop(&mut self) {
                // Else what has failed before would be hidden.
                if !panicking() {
                    self.1.with_mut(|_| ());
                }
            }
        }

        impl<T> Atomic<T> {
            fn get(&self) -> &AtomicU32 {
                self.1.with(|_| &self.0)
            }
        }

        impl Atomic<u32> {
            pub fn new(value: u32) -> Self {
                Self(AtomicU32::new(value), UnsafeCell::new(PhantomData))
            }

            pub fn load(&self, order: Ordering) -> u32 {
                self.get().load(order)
            }

            pub fn store(&self, value: u32, order: Ordering) {
                self.get().store(value, order);
            }

            pub fn fetch_add(&self, value: u32, order: Ordering) -> u32 {
                self.get().fetch_add(value, order)
            }

            pub fn fetch_sub(&self, value: u32, order: Ordering) -> u32 {
                self.get().fetch_sub(value, order)
            }

            pub fn cmpxchg(&self, old: u32, new: u32, order: Ordering) -> Result<u32, u32> {
                self.get().compare_exchange(old, new, order, Relaxed)
            }
        }
    }

    pub struct SpinLock<T>(Mutex<T>);

    impl<T> SpinLock<T> {
        pub fn new(value: T) -> Self {
            Self(Mutex::new(value))
        }

        pub fn lock(&self) -> SpinLockGuard<'_, T> {
            SpinLockGuard {
                lock: &self.0,
                held: Some(self.0.lock().unwrap()),
            }
        }
    }

    pub struct SpinLockGuard<'a, T> {
        lock: &'a Mutex<T>,
        /// `None` only while [`CondVar::wait`] waits.
        held: Option<MutexGuard<'a, T>>,
    }

    impl<T> Deref for SpinLockGuard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            self.held.as_ref().unwrap()
        }
    }

    impl<T> DerefMut for SpinLockGuard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            self.held.as_mut().unwrap()
        }
    }

    loom::thread_local! {
        static WAKES: Cell<u32> = Cell::new(0);
    }

    /// Lets the caller wake so often without cause, where it waits next.
    pub fn wake_without_cause(times: u32) {
        WAKES.with(|wakes| wakes.set(times));
    }

    pub struct CondVar(Condvar);

    impl CondVar {
        #[allow(clippy::new_without_default)]
        pub fn new() -> Self {
            Self(Condvar::new())
        }

        pub fn wait<T>(&self, guard: &mut SpinLockGuard<'_, T>) {
            let inner = guard.held.take().unwrap();
            let wakes = WAKES.with(Cell::get);

            guard.held = Some(if wakes == 0 {
                self.0.wait(inner).unwrap()
            } else {
                WAKES.with(|left| left.set(wakes - 1));
                drop(inner);
                yield_now();
                guard.lock.lock().unwrap()
            });
        }

        pub fn notify_one(&self) {
            self.0.notify_one();
        }

        pub fn notify_all(&self) {
            self.0.notify_all();
        }
    }
}

pub mod task {
    pub fn might_sleep() {}
}
