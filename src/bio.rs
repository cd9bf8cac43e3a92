// SPDX-License-Identifier: GPL-2.0-only

//! The data units of a bio.

use crate::bindings;
use core::marker::PhantomData;
use kernel::{
    bindings::{
        bio,
        bvec_iter,
        page, //
    },
    prelude::*, //
};

/// A data unit in memory, within one page.
///
/// # Invariants
///
/// For `'a`, `page` is a valid page of which the `len` bytes at `offset` may be read and, if they
/// are a destination, written. No reference to them is ever made: the owner of a page may be
/// writing to it, which garbles nothing but what the owner reads or writes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unit<'a> {
    page: *mut page,
    offset: u32,
    len: u32,
    _bio: PhantomData<&'a bio>,
}

impl Unit<'_> {
    /// The page. It may be in high memory.
    pub(crate) fn page(&self) -> *mut page {
        self.page
    }

    /// Where in the page the unit begins, in bytes.
    pub(crate) fn offset(&self) -> u32 {
        self.offset
    }

    /// The size of the unit, in bytes.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }
}

/// Iterates over the data units of a part of a bio.
///
/// A unit that isn't within one segment, because something isn't aligned, is `EINVAL`; so is what
/// is left if the part's size is no multiple of the unit's.
pub(crate) struct Units<'a> {
    // INVARIANT: Points to a bio that is valid for `'a`.
    bio: *mut bio,
    // INVARIANT: Is within the bio.
    iter: bvec_iter,
    unit_size: u32,
    _bio: PhantomData<&'a bio>,
}

impl<'a> Units<'a> {
    /// Iterates over what `iter` covers of `bio`, in units of `unit_size` bytes.
    ///
    /// # Safety
    ///
    /// For `'a`, `bio` must be valid and `iter` within it, and the caller must be entitled to read
    /// its data and, if it is a destination, to write it.
    pub(crate) unsafe fn new(bio: *mut bio, iter: bvec_iter, unit_size: u32) -> Self {
        // INVARIANT: The caller promises both.
        Self {
            bio,
            iter,
            unit_size,
            _bio: PhantomData,
        }
    }

    /// The number of bytes to go.
    pub(crate) fn bytes(&self) -> u32 {
        self.iter.bi_size
    }
}

impl<'a> Iterator for Units<'a> {
    type Item = Result<Unit<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.iter.bi_size == 0 {
            return None;
        }
        // SAFETY: By the type invariants, there is a segment at `iter`, which isn't at its end.
        let segment =
            unsafe { bindings::inline_bio_next_bytes(self.bio, &mut self.iter, self.unit_size) };
        if segment.bv_len < self.unit_size {
            // Nothing sensible can follow, so let the iteration end.
            self.iter.bi_size = 0;
            return Some(Err(EINVAL));
        }

        // INVARIANT: `Units::new` promised this for all data of the bio that `iter` covers.
        Some(Ok(Unit {
            page: segment.bv_page,
            offset: segment.bv_offset,
            len: self.unit_size,
            _bio: PhantomData,
        }))
    }
}

#[kunit_tests(fscrypt_extent_bio)]
mod tests {
    use super::*;
    use crate::fixture::TestBio;

    #[test]
    fn offset_segments() -> Result {
        let bio = TestBio::new(&[(1024, 3072), (0, 1024), (512, 1024)])?;
        let mut units = bio.units(1024);

        assert_eq!(units.bytes(), 5120);
        for offset in [1024, 2048, 3072, 0, 512] {
            let unit = units.next().ok_or(ENODATA)??;

            assert_eq!((unit.offset(), unit.len()), (offset, 1024));
        }
        assert!(units.next().is_none());
        Ok(())
    }

    #[test]
    fn unit_across_segments() -> Result {
        let bio = TestBio::new(&[(0, 1024), (0, 512), (0, 512)])?;
        let mut units = bio.units(1024);

        assert!(matches!(units.next(), Some(Ok(_))));
        assert!(matches!(units.next(), Some(Err(EINVAL))));
        assert!(units.next().is_none());
        Ok(())
    }
}
