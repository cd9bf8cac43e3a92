// SPDX-License-Identifier: GPL-2.0-only

//! Allocation scopes.

use crate::bindings;
use kernel::types::NotThreadSafe;

/// As long as it lives, no allocation of the current task, not even `GFP_KERNEL`, enters a
/// filesystem to reclaim memory.
pub(crate) struct NofsScope {
    flags: u32,
    // The scope is a flag of the task.
    _not_send: NotThreadSafe,
}

impl NofsScope {
    /// Enters the scope. Scopes nest.
    #[must_use]
    pub(crate) fn enter() -> Self {
        Self {
            // SAFETY: May be called in any context.
            flags: unsafe { bindings::inline_memalloc_nofs_save() },
            _not_send: NotThreadSafe,
        }
    }
}

impl Drop for NofsScope {
    fn drop(&mut self) {
        // SAFETY: `flags` is what the matching save returned, in the same task.
        unsafe { bindings::inline_memalloc_nofs_restore(self.flags) };
    }
}
