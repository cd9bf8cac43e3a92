// SPDX-License-Identifier: GPL-2.0-only

//! Tracepoints, which `trace.h` describes. Any context.

use crate::{
    bindings,
    mode::Mode,
    root::RootId,
    table::KeyName, //
};

/// A handle was opened.
pub(crate) fn open(mode: &Mode, root: RootId) {
    // SAFETY: May be called in any context, as all of them.
    unsafe { bindings::inline_trace_fscrypt_extent_open(mode.number, root.number()) };
}

/// A handle is being closed.
pub(crate) fn close(mode: &Mode, root: RootId) {
    // SAFETY: As above.
    unsafe { bindings::inline_trace_fscrypt_extent_close(mode.number, root.number()) };
}

/// A slot is going to get a key.
pub(crate) fn miss(key: &KeyName, slot: usize) {
    let (mode, root) = (key.mode.number, key.root.number());

    // SAFETY: As above.
    unsafe { bindings::inline_trace_fscrypt_extent_miss(mode, root, slot as u32) };
}

/// A key made room for another.
pub(crate) fn evict(key: &KeyName, slot: usize) {
    let (mode, root) = (key.mode.number, key.root.number());

    // SAFETY: As above.
    unsafe { bindings::inline_trace_fscrypt_extent_evict(mode, root, slot as u32) };
}

/// A key was wiped.
pub(crate) fn wipe(key: &KeyName, slot: usize) {
    let (mode, root) = (key.mode.number, key.root.number());

    // SAFETY: As above.
    unsafe { bindings::inline_trace_fscrypt_extent_wipe(mode, root, slot as u32) };
}
