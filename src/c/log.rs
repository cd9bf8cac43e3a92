// SPDX-License-Identifier: GPL-2.0-only

//! Messages about what can happen with each I/O.

use crate::c::bindings;

/// Returns whether the rate limit permits another message. Any context.
pub(crate) fn is_allowed() -> bool {
    // SAFETY: May be called in any context.
    unsafe { bindings::helper_ratelimit() }
}

/// `pr_err!()`, but not too often.
macro_rules! pr_err_ratelimited {
    ($($args:tt)*) => {
        if $crate::c::log::is_allowed() {
            kernel::pr_err!($($args)*);
        }
    };
}

pub(crate) use pr_err_ratelimited;
