// SPDX-License-Identifier: GPL-2.0-only

//! Memory that holds a secret.

use crate::c::bindings;
use core::{
    marker::PhantomPinned,
    ops::Deref, //
};
use kernel::prelude::*;

/// A secret value, filled in place and zeroized when dropped.
///
/// A move would leave a copy behind that nobody wipes, so the value is pinned from the moment it
/// is there. `Debug`, `Clone` and `Copy` are missing on purpose.
///
/// The alignment is what any cipher asks of a key: the crypto API copies a key that is aligned
/// less, with an allocation that can fail.
#[pin_data(PinnedDrop)]
#[repr(C, align(16))]
pub(crate) struct Secret<T: Zeroable> {
    value: T,
    #[pin]
    _pin: PhantomPinned,
}

impl<T: Zeroable> Secret<T> {
    /// Makes a secret: `fill` gets the zeroed memory where the secret will stay.
    pub(crate) fn new(fill: impl FnOnce(&mut T)) -> impl PinInit<Self> {
        pin_init!(Self {
            value <- pin_init::init_zeroed().chain(|value| {
                fill(value);
                Ok(())
            }),
            _pin: PhantomPinned,
        })
    }

    /// Zeroizes the secret, and returns its memory, for a new one to be made there.
    pub(crate) fn renew(self: Pin<&mut Self>) -> &mut T {
        let value = self.project().value;

        zeroize(value);
        value
    }

    /// Compares two secrets in a time that doesn't depend on them.
    ///
    /// `T` must have no padding.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        memory_equals(&self.value, &other.value)
    }
}

impl<T: Zeroable> Deref for Secret<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[pinned_drop]
impl<T: Zeroable> PinnedDrop for Secret<T> {
    fn drop(self: Pin<&mut Self>) {
        zeroize(self.project().value);
    }
}

/// Zeroizes what isn't a [`Secret`], in place.
pub(crate) fn zeroize<T: Zeroable>(value: &mut T) {
    let value: *mut T = value;

    // SAFETY: `value` is valid for writes, and all zeroes is a valid `T` as it is `Zeroable`. The C
    // side has a barrier that keeps the compiler from dropping the writes.
    unsafe { bindings::helper_memzero_explicit(value.cast(), size_of::<T>()) };
}

/// Compares the memory of `a` and `b`, of a type without padding, in constant time.
pub(crate) fn memory_equals<T>(a: &T, b: &T) -> bool {
    let a: *const T = a;
    let b: *const T = b;

    // SAFETY: Both are valid for reads of the size of a `T`.
    unsafe { bindings::helper_crypto_memneq(a.cast(), b.cast(), size_of::<T>()) == 0 }
}

#[kunit_tests(fscrypt_extent_secret)]
mod tests {
    use super::*;
    use core::mem::MaybeUninit;

    #[test]
    fn wiped_on_drop() {
        let mut memory = MaybeUninit::<Secret<[u8; 64]>>::uninit();
        let secret = memory.as_mut_ptr();

        // SAFETY: `memory` is writable and isn't moved. The initializer can't fail.
        unsafe { pin_init::raw_init(secret, Secret::new(|key: &mut [u8; 64]| key.fill(0xaa))) };
        // SAFETY: The secret was initialized, and is dropped only here.
        unsafe { secret.drop_in_place() };

        // SAFETY: `memory` is still there, and an array of bytes has no invalid values.
        let left = unsafe { secret.cast::<[u8; 64]>().read_volatile() };
        assert_eq!(left, [0; 64]);
    }

    #[test]
    fn compared() -> Result {
        let a = KBox::pin_init(Secret::<[u8; 64]>::new(|key| key[63] = 1), GFP_KERNEL)?;
        let b = KBox::pin_init(Secret::<[u8; 64]>::new(|key| key[63] = 2), GFP_KERNEL)?;

        assert!(a.equals(&a));
        assert!(!a.equals(&b));
        Ok(())
    }
}
