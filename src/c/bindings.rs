// SPDX-License-Identifier: GPL-2.0-only

//! The C interfaces of `bindings.h`, as bindgen made them for this kernel.

mod generated {
    #![allow(
        clippy::all,
        clippy::ptr_as_ptr,
        clippy::ref_as_ptr,
        clippy::undocumented_unsafe_blocks,
        dead_code,
        improper_ctypes,
        missing_docs,
        non_camel_case_types,
        non_snake_case,
        non_upper_case_globals,
        unreachable_pub,
        unsafe_op_in_unsafe_fn
    )]
    include!(env!("FSCRYPT_EXTENT_BINDINGS"));
}

pub(crate) use generated::*;
use pin_init::Zeroable;

// SAFETY: It consists of integers.
unsafe impl Zeroable for blk_crypto_key {}
// SAFETY: It consists of integers and a pointer.
unsafe impl Zeroable for polyval_ctx {}
