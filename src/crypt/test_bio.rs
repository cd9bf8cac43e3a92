// SPDX-License-Identifier: GPL-2.0-only

//! Bios for tests.

use super::data_unit::DataUnits;
use core::{
    mem::MaybeUninit,
    ptr::null_mut, //
};
use kernel::{
    bindings::{
        bio,
        bio_add_page,
        bio_init,
        bio_vec,
        bvec_iter, //
    },
    page::Page,
    prelude::*, //
};

/// How many segments a [`TestBio`] can have.
const MAX_SEGMENTS: usize = 4;

/// A bio that isn't for any device, with pages of its own.
pub(crate) struct TestBio {
    bio: KBox<MaybeUninit<bio>>,
    _table: KBox<MaybeUninit<[bio_vec; MAX_SEGMENTS]>>,
    pages: KVec<(Page, usize, usize)>,
}

impl TestBio {
    /// Makes a bio with a segment of a page for each `(offset, len)`, which are in bytes.
    pub(crate) fn new(segments: &[(usize, usize)]) -> Result<Self> {
        let mut bio = KBox::<bio>::new_uninit(GFP_KERNEL)?;
        let mut table = KBox::<[bio_vec; MAX_SEGMENTS]>::new_uninit(GFP_KERNEL)?;
        let mut pages = KVec::new();

        // SAFETY: The bio and the table are writable, and are dropped together.
        unsafe {
            bio_init(
                bio.as_mut_ptr(),
                null_mut(),
                table.as_mut_ptr().cast(),
                MAX_SEGMENTS as u16,
                0,
            )
        };
        for &(offset, len) in segments {
            let page = Page::alloc_page(GFP_KERNEL)?;

            // SAFETY: The bio was initialized above, and the page is dropped together with it.
            let added =
                unsafe { bio_add_page(bio.as_mut_ptr(), page.as_ptr(), len as u32, offset as u32) };
            if added as usize != len {
                return Err(ENOSPC);
            }
            pages.push((page, offset, len), GFP_KERNEL)?;
        }
        Ok(Self {
            bio,
            _table: table,
            pages,
        })
    }

    /// Its data, in units of `unit_size` bytes.
    pub(crate) fn units(&self, unit_size: u32) -> DataUnits<'_> {
        // SAFETY: The bio was initialized, its data is valid, and tests have one thread.
        unsafe { DataUnits::new(self.as_ptr(), self.iter(), unit_size) }
    }

    /// The bio.
    pub(crate) fn as_ptr(&self) -> *mut bio {
        self.bio.as_ptr().cast_mut()
    }

    /// The bio's own iterator.
    pub(crate) fn iter(&self) -> bvec_iter {
        // SAFETY: The bio was initialized.
        unsafe { (*self.as_ptr()).bi_iter }
    }

    /// Copies `data` to all of it.
    pub(crate) fn write(&self, mut data: &[u8]) -> Result {
        for (page, offset, len) in &self.pages {
            let (first, rest) = data.split_at_checked(*len).ok_or(EINVAL)?;

            // SAFETY: `first` is valid, and nobody else uses the page.
            unsafe { page.write_raw(first.as_ptr(), *offset, *len)? };
            data = rest;
        }
        Ok(())
    }

    /// Copies all of it.
    pub(crate) fn read(&self) -> Result<KVec<u8>> {
        let mut data = KVec::new();

        for (page, offset, len) in &self.pages {
            let start = data.len();

            data.resize(start + len, 0, GFP_KERNEL)?;
            // SAFETY: `data` has room for `len` bytes, and nobody else uses the page.
            unsafe { page.read_raw(data[start..].as_mut_ptr(), *offset, *len)? };
        }
        Ok(data)
    }
}
