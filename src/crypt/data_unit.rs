// SPDX-License-Identifier: GPL-2.0-only

//! The data units of a bio.

use core::marker::PhantomData;
use kernel::{
    bindings::{
        bio,
        bio_vec,
        bvec_iter,
        page, //
    },
    page::PAGE_SIZE,
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
pub(crate) struct DataUnit<'a> {
    page: *mut page,
    offset: u32,
    len: u32,
    _bio: PhantomData<&'a bio>,
}

impl DataUnit<'_> {
    /// A unit that isn't part of a bio.
    ///
    /// # Safety
    ///
    /// As the type invariants say, for as long as it is used.
    pub(crate) unsafe fn new(page: *mut page, offset: u32, len: u32) -> Self {
        // INVARIANT: The caller promises this.
        Self {
            page,
            offset,
            len,
            _bio: PhantomData,
        }
    }

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
/// A unit that isn't within one page of one segment, because something isn't aligned, is `EINVAL`;
/// so is what is left if the part's size is no multiple of the unit's.
///
/// # Invariants
///
/// `segment` is what is still to come of a segment, a range of contiguous pages. `next` points to
/// the segments after it, which are valid for `'a`; of these, `rest` bytes from the first one's
/// byte `skip` are still to come.
pub(crate) struct DataUnits<'a> {
    segment: bio_vec,
    next: *const bio_vec,
    skip: u32,
    rest: u32,
    unit_size: u32,
    _bio: PhantomData<&'a bio>,
}

impl<'a> DataUnits<'a> {
    /// Iterates over what `iter` covers of `bio`, in units of `unit_size` bytes.
    ///
    /// # Safety
    ///
    /// For `'a`, `bio` must be valid and `iter` within it, and the caller must be entitled to read
    /// its data and, if it is a destination, to write it.
    pub(crate) unsafe fn new(bio: *mut bio, iter: bvec_iter, unit_size: u32) -> Self {
        // SAFETY: The caller promises that the bio is valid and has the segment at `iter`.
        let next = unsafe { (*bio).bi_io_vec.add(iter.bi_idx as usize) };

        // INVARIANT: The caller promises this.
        Self {
            segment: bio_vec::default(),
            next,
            skip: iter.bi_offset,
            rest: iter.bi_size,
            unit_size,
            _bio: PhantomData,
        }
    }

    /// The number of bytes to go.
    pub(crate) fn bytes(&self) -> u32 {
        self.segment.bv_len + self.rest
    }
}

impl<'a> Iterator for DataUnits<'a> {
    type Item = Result<DataUnit<'a>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.segment.bv_len == 0 {
            if self.rest == 0 {
                return None;
            }
            // SAFETY: By the type invariants, as there is something left.
            self.segment = unsafe { *self.next };
            self.segment.bv_offset += self.skip;
            self.segment.bv_len = self.rest.min(self.segment.bv_len - self.skip);
            self.next = self.next.wrapping_add(1);
            self.skip = 0;
            self.rest -= self.segment.bv_len;
        }

        let position = self.segment.bv_offset as usize;
        let offset = position % PAGE_SIZE;
        if self.segment.bv_len < self.unit_size || offset + self.unit_size as usize > PAGE_SIZE {
            // Nothing sensible can follow, so let the iteration end.
            self.segment.bv_len = 0;
            self.rest = 0;
            return Some(Err(EINVAL));
        }
        self.segment.bv_offset += self.unit_size;
        self.segment.bv_len -= self.unit_size;

        // INVARIANT: `DataUnits::new` promised this for all data of the bio that `iter` covers, and
        // the pages of a segment are contiguous in the memory map, too.
        Some(Ok(DataUnit {
            page: self.segment.bv_page.wrapping_add(position / PAGE_SIZE),
            offset: offset as u32,
            len: self.unit_size,
            _bio: PhantomData,
        }))
    }
}

#[kunit_tests(fscrypt_extent_data_unit)]
mod tests {
    use super::*;
    use crate::crypt::test_bio::TestBio;

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

    /// The pages after the first belong to others, so nothing may be read or written.
    #[test]
    fn segment_of_pages() -> Result {
        let bio = TestBio::new(&[(PAGE_SIZE - 1024, PAGE_SIZE + 2048)])?;
        let mut units = bio.units(1024);
        let first = units.next().ok_or(ENODATA)??;

        assert_eq!(first.offset() as usize, PAGE_SIZE - 1024);
        for position in (0..PAGE_SIZE + 1024).step_by(1024) {
            let unit = units.next().ok_or(ENODATA)??;

            assert_eq!(
                unit.page(),
                first.page().wrapping_add(1 + position / PAGE_SIZE)
            );
            assert_eq!(unit.offset() as usize, position % PAGE_SIZE);
        }
        assert!(units.next().is_none());
        assert!(matches!(bio.units(2048).next(), Some(Err(EINVAL))));
        Ok(())
    }
}
