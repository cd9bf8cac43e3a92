// SPDX-License-Identifier: GPL-2.0-only

//! What several test suites use.

use crate::{
    bio::Units,
    cache::{
        Cache,
        Purpose, //
    },
    cipher::{
        Cipher,
        Direction, //
    },
    random,
    table::KeyName, //
};
use core::{
    cell::Cell,
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

/// HKDF-Extract, with SHA-512 and no salt, of the master key 00..3f.
pub(crate) const PRK: [u8; 64] =
    *b"\xd0\x1b\x94\xe6\xc3\x30\x09\x23\x8d\x64\x6e\x1b\x4b\xd4\x15\xbe\
       \x27\xc4\x74\x37\xd8\xf0\xe4\x50\x03\xed\x68\x4b\x1e\x1c\xf6\xe6\
       \x40\x99\xb4\x46\x9e\xf6\x2d\x99\xb3\xfb\xc1\xe9\x8e\x65\xa5\x5b\
       \xf8\xda\x5a\x1a\x83\xe9\x67\xd2\x6b\x86\x59\xfc\xd3\x43\x2a\x17";

/// The nonce a0..af, as an extent context.
pub(crate) const CONTEXT: [u8; 17] =
    *b"\x01\xa0\xa1\xa2\xa3\xa4\xa5\xa6\xa7\xa8\xa9\xaa\xab\xac\xad\xae\xaf";

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
    pub(crate) fn units(&self, unit_size: u32) -> Units<'_> {
        // SAFETY: The bio was initialized, its data is valid, and tests have one thread.
        unsafe { Units::new(self.as_ptr(), self.iter(), unit_size) }
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

/// What tests want slots for.
pub(crate) const PURPOSE: Purpose = Purpose {
    direction: Direction::Encrypt,
    bytes: 4096,
};

/// Gets and puts a slot, and returns whether the key was there.
pub(crate) fn hits(cache: &Cache<Cipher>, name: KeyName) -> Result<bool> {
    let derived = Cell::new(false);

    cache.get(name, PURPOSE, |key| {
        derived.set(true);
        random::fill(key);
    })?;
    Ok(!derived.get())
}

/// `len` bytes of test data.
pub(crate) fn pattern(len: usize) -> Result<KVec<u8>> {
    let mut data = KVec::with_capacity(len, GFP_KERNEL)?;

    for i in 0..len {
        data.push((7 * i + 3) as u8, GFP_KERNEL)?;
    }
    Ok(data)
}

/// The first and the last 16 bytes of `data`.
pub(crate) fn ends(data: &[u8]) -> Result<(u128, u128)> {
    let first = data.first_chunk().ok_or(EINVAL)?;
    let last = data.last_chunk().ok_or(EINVAL)?;

    Ok((u128::from_be_bytes(*first), u128::from_be_bytes(*last)))
}
