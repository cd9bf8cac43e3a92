// SPDX-License-Identifier: GPL-2.0-only

//! A workqueue of the module's own.

use crate::bindings;
use core::{
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings::{
        destroy_workqueue,
        workqueue_struct, //
        wq_flags_WQ_MEM_RECLAIM,
        wq_flags_WQ_UNBOUND,
    },
    prelude::*,
    workqueue::Queue, //
};

/// A workqueue that runs even when no memory is left for new threads.
///
/// When dropped it waits for its work, so none runs after the module has gone.
pub(crate) struct ReclaimQueue(NonNull<workqueue_struct>);

// SAFETY: Workqueues are made for use from any thread.
unsafe impl Send for ReclaimQueue {}
// SAFETY: As above.
unsafe impl Sync for ReclaimQueue {}

impl ReclaimQueue {
    /// Makes a workqueue. Sleeps.
    pub(crate) fn new(name: &CStr) -> Result<Self> {
        // SAFETY: The name is a C string, of which a copy is made.
        let queue = unsafe {
            bindings::inline_alloc_workqueue(
                name.as_char_ptr(),
                wq_flags_WQ_MEM_RECLAIM | wq_flags_WQ_UNBOUND,
            )
        };

        NonNull::new(queue).map(Self).ok_or(ENOMEM)
    }
}

impl Deref for ReclaimQueue {
    type Target = Queue;

    fn deref(&self) -> &Queue {
        // SAFETY: The workqueue is valid as long as `self` is.
        unsafe { Queue::from_raw(self.0.as_ptr()) }
    }
}

impl Drop for ReclaimQueue {
    fn drop(&mut self) {
        // SAFETY: The workqueue is valid and, as nothing borrows `self`, nobody adds work to it.
        unsafe { destroy_workqueue(self.0.as_ptr()) };
    }
}
