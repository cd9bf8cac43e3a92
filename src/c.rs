// SPDX-License-Identifier: GPL-2.0-only

//! What comes from C.

pub(crate) mod bindings;
pub(crate) mod log;
pub(crate) mod random;
