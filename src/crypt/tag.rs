// SPDX-License-Identifier: GPL-2.0-only

//! Tags, which authenticate file contents: one for each block of an extent, and one for each place
//! in a file that shows a part of an extent.
//!
//! ```text
//! block tag  AES-256(K, POLYVAL(H, ciphertext || nonce || index, 1, log2 of block size, 0...))
//! place tag  AES-256(K, POLYVAL(H, nonce || inode's nonce || window, 0... || base, disk size
//!                                  || size in memory, 2, compression, 0...))
//! ```
//!
//! This is how AES-GCM-SIV (RFC 8452) makes its tag, but without a nonce of its own, so it doesn't
//! matter if a nonce is used again. POLYVAL needs whole blocks of 16 bytes, which all inputs are.
//! The byte after the last number tells both kinds of input apart.
//!
//! Everything here can be called in any context, and allocates nothing.

use crate::{
    c::bindings,
    crypt::data_unit::DataUnit,
    keys::{
        hkdf,
        nonce::{
            Nonce,
            NONCE_SIZE, //
        },
        secret::{
            memory_equals,
            zeroize,
            Secret, //
        }, //
    }, //
};
use core::slice::IterMut;
use kernel::{
    prelude::*,
    warn_on, //
};

/// Size of the hash key H, in bytes.
const HASH_KEY_SIZE: usize = bindings::POLYVAL_BLOCK_SIZE as usize;

/// Size of the cipher's key K, in bytes.
const CIPHER_KEY_SIZE: usize = bindings::AES_KEYSIZE_256 as usize;

/// Number of bytes that a [`TagKey`] is made from.
pub(crate) const TAG_KEY_SIZE: usize = HASH_KEY_SIZE + CIPHER_KEY_SIZE;

/// What the last input has where both kinds have their last number.
const BLOCK: u8 = 1;
const PLACE: u8 = 2;

/// The keys H and K, prepared. They are the same for all extents of an extent PRK.
#[repr(C)]
pub(crate) struct TagKey {
    hash: bindings::polyval_key,
    cipher: bindings::aes_enckey,
}

// SAFETY: It consists of integers.
unsafe impl Zeroable for TagKey {}

impl TagKey {
    /// Prepares H and K, the first [`TAG_KEY_SIZE`] bytes of `raw`.
    pub(crate) fn prepare(&mut self, raw: &[u8; hkdf::BLOCK_SIZE]) {
        let (hash, cipher) = raw[..TAG_KEY_SIZE].split_at(HASH_KEY_SIZE);

        // SAFETY: Both keys are writable, and made from as many bytes as there are.
        let status = unsafe {
            bindings::polyval_preparekey(&raw mut self.hash, hash.as_ptr());
            bindings::aes_prepareenckey(&raw mut self.cipher, cipher.as_ptr(), cipher.len())
        };
        // Only other sizes are refused.
        warn_on!(status != 0);
    }
}

/// A tag, as stored.
pub(crate) use bindings::fscrypt_extent_tag as Tag;

/// Where a file shows what of an extent.
pub(crate) use bindings::fscrypt_extent_place as Place;

impl Tag {
    /// `EBADMSG` unless `stored` is this tag. The time doesn't depend on where they differ.
    pub(crate) fn verify(&self, stored: &Self) -> Result {
        match memory_equals(&self.bytes, &stored.bytes) {
            true => Ok(()),
            false => Err(EBADMSG),
        }
    }
}

/// POLYVAL of what a tag is for. What it has hashed so far would give H away, so it isn't moved
/// after that, and zeroized.
struct Hash<'a> {
    key: &'a TagKey,
    context: bindings::polyval_ctx,
}

impl<'a> Hash<'a> {
    fn new(key: &'a TagKey) -> Self {
        Self {
            key,
            context: bindings::polyval_ctx {
                key: &raw const key.hash,
                ..Default::default()
            },
        }
    }

    fn update(&mut self, bytes: &[u8]) {
        // SAFETY: The context has a valid key, and `bytes` is valid for reads of its length.
        unsafe { bindings::polyval_update(&raw mut self.context, bytes.as_ptr(), bytes.len()) };
    }

    fn update_unit(&mut self, unit: DataUnit<'_>) {
        // SAFETY: The context has a valid key, and the unit may be read.
        unsafe {
            bindings::helper_polyval_update_page(
                &raw mut self.context,
                unit.page(),
                unit.offset(),
                unit.len(),
            )
        };
    }

    /// The digest, after which it begins anew.
    fn finish(&mut self, digest: &mut [u8; HASH_KEY_SIZE]) {
        // SAFETY: The context has a valid key, and the digest is a block. This zeroizes the
        // context.
        unsafe { bindings::polyval_final(&raw mut self.context, digest.as_mut_ptr()) };
        self.context.key = &raw const self.key.hash;
    }

    /// The tag of what was hashed.
    fn tag(&mut self) -> Tag {
        pin_init::stack_pin_init!(let digest = Secret::new(|digest| self.finish(digest)));
        let mut tag = Tag::default();

        // SAFETY: The cipher has a key, and input and output are a block.
        unsafe {
            bindings::helper_aes_encrypt(
                &raw const self.key.cipher,
                tag.bytes.as_mut_ptr(),
                digest.as_ptr(),
            )
        };
        tag
    }

    /// The tag of the block whose data units were hashed: block `index` of the extent, of
    /// `1 << block_bits` bytes.
    fn block_tag(&mut self, nonce: &Nonce, index: u64, block_bits: u8) -> Tag {
        let mut trailer = [0; NONCE_SIZE + 16];

        trailer[..NONCE_SIZE].copy_from_slice(nonce.as_bytes());
        trailer[16..24].copy_from_slice(&index.to_le_bytes());
        trailer[24] = BLOCK;
        trailer[25] = block_bits;
        self.update(&trailer);
        self.tag()
    }
}

impl Drop for Hash<'_> {
    fn drop(&mut self) {
        zeroize(&mut self.context);
    }
}

/// The tag of a block that is in one piece.
pub(crate) fn block_tag(
    key: &TagKey,
    nonce: &Nonce,
    index: u64,
    block_bits: u8,
    block: DataUnit<'_>,
) -> Tag {
    let mut hash = Hash::new(key);

    hash.update_unit(block);
    hash.block_tag(nonce, index, block_bits)
}

/// Makes the tags of an extent's blocks from their data units, which are handed over in their
/// order.
pub(crate) struct Tagger<'a> {
    hash: Hash<'a>,
    nonce: &'a Nonce,
    block_bits: u8,
    /// Number of data units of a block, as a power of two.
    units_bits: u8,
    tags: IterMut<'a, Tag>,
}

impl<'a> Tagger<'a> {
    /// Makes `tags`, one for each of the blocks that follow. A block is not smaller than a data
    /// unit.
    pub(crate) fn new(
        key: &'a TagKey,
        nonce: &'a Nonce,
        block_bits: u8,
        data_unit_bits: u8,
        tags: &'a mut [Tag],
    ) -> Self {
        Self {
            hash: Hash::new(key),
            nonce,
            block_bits,
            units_bits: block_bits - data_unit_bits,
            tags: tags.iter_mut(),
        }
    }

    /// Adds data unit `index` of the extent.
    pub(crate) fn add(&mut self, index: u64, unit: DataUnit<'_>) {
        self.hash.update_unit(unit);
        if (index + 1) & ((1 << self.units_bits) - 1) != 0 {
            return;
        }
        let index = index >> self.units_bits;
        let tag = self.hash.block_tag(self.nonce, index, self.block_bits);

        if let Some(next) = self.tags.next() {
            *next = tag;
        }
    }
}

/// The tag of a place, in the file whose encryption context has `inode_nonce`.
pub(crate) fn place_tag(key: &TagKey, inode_nonce: &Nonce, place: &Place) -> Tag {
    let mut hash = Hash::new(key);
    let mut input = [0; 4 * 16 + 16];

    input[..16].copy_from_slice(Nonce::from(&place.nonce).as_bytes());
    input[16..32].copy_from_slice(inode_nonce.as_bytes());
    input[32..36].copy_from_slice(&place.window_start.to_le_bytes());
    input[36..40].copy_from_slice(&place.window_end.to_le_bytes());
    input[48..56].copy_from_slice(&place.base.to_le_bytes());
    input[56..64].copy_from_slice(&place.disk_size.to_le_bytes());
    input[64..72].copy_from_slice(&place.ram_size.to_le_bytes());
    input[72] = PLACE;
    input[73] = place.compression;
    hash.update(&input);
    hash.tag()
}

#[kunit_tests(fscrypt_extent_tag)]
mod tests {
    use super::*;
    use crate::{
        crypt::test_bio::TestBio,
        test_vectors::{
            AUTHENTICATED,
            NONCE, //
        }, //
    };

    fn key(raw: &[u8; TAG_KEY_SIZE]) -> Result<Pin<KBox<Secret<TagKey>>>> {
        let mut padded = [0; hkdf::BLOCK_SIZE];

        padded[..TAG_KEY_SIZE].copy_from_slice(raw);
        KBox::pin_init(
            Secret::new(|key: &mut TagKey| key.prepare(&padded)),
            GFP_KERNEL,
        )
    }

    /// A page of `C[i] = (7 i + i / 256) & 255`.
    fn page() -> Result<TestBio> {
        let bio = TestBio::new(&[(0, 4096)])?;
        let mut data = KVec::with_capacity(4096, GFP_KERNEL)?;

        for i in 0..4096 {
            data.push((7 * i + i / 256) as u8, GFP_KERNEL)?;
        }
        bio.write(&data)?;
        Ok(bio)
    }

    #[test]
    fn block() -> Result {
        let key = key(&AUTHENTICATED.tag_key)?;
        let bio = page()?;
        let whole = bio.units(4096).next().ok_or(ENODATA)??;
        let tag = block_tag(&key, &NONCE, 5, 12, whole);

        assert!(tag.bytes == *b"\xe4\xf5\x82\xa7\x0b\xbc\x34\x4e\x12\x9e\x01\xfc\xdc\xd1\x7e\xb5");
        tag.verify(&tag)?;
        for (index, bits) in [(4, 12), (5, 13)] {
            let other = block_tag(&key, &NONCE, index, bits, whole);

            assert_eq!(tag.verify(&other), Err(EBADMSG));
        }
        assert_eq!(
            tag.verify(&block_tag(&key, &Nonce::new([0; 16]), 5, 12, whole)),
            Err(EBADMSG)
        );

        // The same from eight data units, and the block that they would be part of otherwise.
        let mut tags = [Tag::default(); 2];
        let mut tagger = Tagger::new(&key, &NONCE, 12, 9, &mut tags);
        for (index, unit) in (40..).zip(bio.units(512)) {
            tagger.add(index, unit?);
        }
        drop(tagger);
        assert!(tags[0].bytes == tag.bytes && tags[1].bytes == [0; 16]);
        Ok(())
    }

    #[test]
    fn place() -> Result {
        let key = key(&AUTHENTICATED.tag_key)?;
        let inode_nonce =
            Nonce::new(*b"\xb0\xb1\xb2\xb3\xb4\xb5\xb6\xb7\xb8\xb9\xba\xbb\xbc\xbd\xbe\xbf");
        let nonce = bindings::fscrypt_extent_nonce {
            bytes: *NONCE.as_bytes(),
        };
        let place = Place {
            nonce,
            base: -4096i64 as u64,
            disk_size: 0,
            ram_size: 0,
            window_start: 0,
            window_end: 2,
            compression: 0,
        };
        let compressed = Place {
            disk_size: 8192,
            ram_size: 131072,
            window_end: 32,
            compression: 3,
            ..place
        };

        assert!(
            place_tag(&key, &inode_nonce, &place).bytes
                == *b"\xe0\x88\x33\xd7\xdf\x87\xac\xad\xdc\x14\x57\xfc\xcd\x3c\x9a\xdd"
        );
        assert!(
            place_tag(&key, &inode_nonce, &compressed).bytes
                == *b"\x1e\xda\x9a\x17\x92\xa2\x41\xca\xcc\x34\x28\xf4\x1e\x0a\x2a\x1f"
        );
        Ok(())
    }

    /// The example of RFC 8452, appendix A.
    #[test]
    fn polyval() -> Result {
        let key = key(
            b"\x25\x62\x93\x47\x58\x92\x42\x76\x1d\x31\xf8\x26\xba\x4b\x75\x7b\
              ________________________________",
        )?;
        let mut hash = Hash::new(&key);
        let mut digest = [0; HASH_KEY_SIZE];

        hash.update(
            b"\x4f\x4f\x95\x66\x8c\x83\xdf\xb6\x40\x17\x62\xbb\x2d\x01\xa2\x62\
              \xd1\xa2\x4d\xdd\x27\x21\xd0\x06\xbb\xe4\x5f\x20\xd3\xc9\xf3\x62",
        );
        hash.finish(&mut digest);
        assert!(digest == *b"\xf7\xa3\xb4\x7b\x84\x61\x19\xfa\xe5\xb7\x86\x6c\xf5\xe5\xb7\x7e");
        Ok(())
    }
}
