// SPDX-License-Identifier: GPL-2.0-only

//! Tracepoints, which `trace.h` describes. Any context.

use crate::{
    c::bindings,
    keys::key::{
        KeyId,
        PrkId, //
    },
    mode::Mode, //
};

/// A handle was opened.
pub(crate) fn open(mode: &Mode, prk: PrkId) {
    // SAFETY: May be called in any context, as all of them.
    unsafe { bindings::helper_trace_fscrypt_extent_open(mode.number, prk.number()) };
}

/// A handle is being closed.
pub(crate) fn close(mode: &Mode, prk: PrkId) {
    // SAFETY: As above.
    unsafe { bindings::helper_trace_fscrypt_extent_close(mode.number, prk.number()) };
}

/// A slot is going to get a key.
pub(crate) fn miss(key: &KeyId, slot: usize) {
    let (mode, prk) = (key.mode.number, key.prk.number());

    // SAFETY: As above.
    unsafe { bindings::helper_trace_fscrypt_extent_miss(mode, prk, slot as u32) };
}

/// A key made room for another.
pub(crate) fn evict(key: &KeyId, slot: usize) {
    let (mode, prk) = (key.mode.number, key.prk.number());

    // SAFETY: As above.
    unsafe { bindings::helper_trace_fscrypt_extent_evict(mode, prk, slot as u32) };
}

/// A key was wiped.
pub(crate) fn wipe(key: &KeyId, slot: usize) {
    let (mode, prk) = (key.mode.number, key.prk.number());

    // SAFETY: As above.
    unsafe { bindings::helper_trace_fscrypt_extent_wipe(mode, prk, slot as u32) };
}
