// SPDX-License-Identifier: GPL-2.0-only

//! The kernel's random number generator. Any context.

/// Fills `bytes`.
pub(crate) fn fill(bytes: &mut [u8]) {
    // SAFETY: `bytes` is valid for writes of its length.
    unsafe { kernel::bindings::get_random_bytes(bytes.as_mut_ptr().cast(), bytes.len()) };
}

/// A number.
pub(crate) fn number() -> usize {
    let mut bytes = [0; size_of::<usize>()];

    fill(&mut bytes);
    usize::from_ne_bytes(bytes)
}
