// SPDX-License-Identifier: GPL-2.0-only

//! Messages about what can happen with each I/O.

use crate::bindings;

/// Whether a message may be printed, of which there were not too many yet. Any context.
pub(crate) fn is_allowed() -> bool {
    // SAFETY: May be called in any context.
    unsafe { bindings::inline_ratelimit() }
}

/// `pr_err!()`, but not too often.
macro_rules! pr_err_ratelimited {
    ($($args:tt)*) => {
        if $crate::log::is_allowed() {
            kernel::pr_err!($($args)*);
        }
    };
}

pub(crate) use pr_err_ratelimited;
