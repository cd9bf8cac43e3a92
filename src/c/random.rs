// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's random number generator. Any context.

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) {
    // SAFETY: `bytes` is valid for writes of its length.
    unsafe { kernel::bindings::get_random_bytes(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// A number, as unpredictable but cheaper than bytes.
pub(crate) fn number() -> u64 {
    // SAFETY: May be called in any context.
    unsafe { kernel::bindings::get_random_u64() }
}
