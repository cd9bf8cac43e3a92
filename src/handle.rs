// SPDX-License-Identifier: GPL-2.0-only

//! Handles: what an inode needs to encrypt and decrypt its extents.

use crate::{
    c::log::pr_err_ratelimited,
    cache::Cache,
    crypt::{
        cipher::{
            Cipher,
            Request,
            RequestMemory, //
        },
        data_unit::{
            DataUnit,
            DataUnits, //
        },
        iv::Iv,
        tag,
        tag::{
            Place,
            Tag,
            TagKey,
            Tagger, //
        }, //
    },
    devices::OpenDevice,
    engine::Engine,
    keys::{
        extent_prk::{
            ExtentPrk,
            Filesystem,
            SharedKey, //
        },
        hkdf,
        hkdf::Info,
        key::{
            Key,
            KeyId,
            KeyKind, //
        },
        nonce::{
            Nonce,
            NONCE_SIZE, //
        },
        secret::{
            memory_equals,
            Secret, //
        }, //
    },
    mode::{
        Direction,
        Mode,
        MAX_KEY_SIZE, //
    },
    mode_caches::ModeCaches,
    stats::IoInfo,
    trace, //
};
use core::{
    mem::discriminant,
    num::NonZeroU8, //
};
use kernel::{
    bindings::{
        bio,
        hmac_sha512_key, //
    },
    page::{
        PAGE_SHIFT,
        PAGE_SIZE, //
    },
    prelude::*,
    sync::Arc, //
};

/// Data unit indices are below this.
const INDEX_LIMIT: u64 = 1 << 32;

/// Where the keys of a handle's extents come from.
pub(crate) enum KeySource<'a> {
    /// Each extent has its own, derived from the extent PRK.
    PerExtent,
    /// `FSCRYPT_POLICY_FLAG_DIRECT_KEY`: the extents share one, derived from the master key.
    Direct,
    /// The same in a v1 policy: this is the one they share.
    RawDirect(&'a [u8]),
    /// `FSCRYPT_POLICY_FLAG_AUTHENTICATED`: as with `PerExtent`, but from a PRK that is for nothing
    /// else than such contents of the same mode and data unit size.
    Authenticated(Authenticated),
}

/// What tags are made of, besides what the extent has.
pub(crate) struct Authenticated {
    /// The nonce of the inode's encryption context.
    pub(crate) inode_nonce: Nonce,
    /// Size of the filesystem's blocks, as a power of two.
    pub(crate) block_bits: u8,
}

/// The keys of a handle's extents.
enum Keys {
    PerExtent,
    Direct(Arc<Key>),
    RawDirect(Arc<Key>),
    /// In a box, so that it costs other inodes nothing.
    Authenticated(KBox<(Arc<Secret<TagKey>>, Authenticated)>),
}

/// What a handle is made from; see `struct fscrypt_extent_open_args`.
pub(crate) struct OpenArgs<'a> {
    pub(crate) filesystem: Filesystem,
    pub(crate) kdf: &'a hmac_sha512_key,
    pub(crate) keys: KeySource<'a>,
    pub(crate) data_unit_bits: u8,
}

/// A handle, one for each inode in memory, from the time its key is set up to its eviction. It
/// keeps the extent PRK, so whoever has opened it may use it when the master key is gone.
pub(crate) struct Handle<'a> {
    engine: &'a Engine,
    cache: &'a Arc<Cache<Cipher>>,
    mode: &'static Mode,
    prk: Arc<ExtentPrk>,
    keys: Keys,
    data_unit_bits: NonZeroU8,
    /// Whether the mode was prepared for blk-crypto.
    has_blk_crypto: bool,
}

impl<'a> Handle<'a> {
    /// Makes a handle for the mode of `caches`.
    ///
    /// Allocates with `GFP_KERNEL`. `EINVAL` if something is impossible, `ENOPKG` if the mode
    /// wasn't prepared, or `ENOMEM`.
    pub(crate) fn open(
        engine: &'a Engine,
        caches: &'a ModeCaches,
        args: OpenArgs<'_>,
    ) -> Result<Self> {
        let cache = caches.cache().ok_or(ENOPKG)?;
        let mode = caches.mode;
        let data_unit_bits = NonZeroU8::new(args.data_unit_bits)
            .filter(|bits| (9..=PAGE_SHIFT).contains(&bits.get().into()))
            .ok_or_else(|| {
                pr_err_ratelimited!(
                    "Data units of 2^{} bytes are impossible\n",
                    args.data_unit_bits
                );
                EINVAL
            })?;

        // A KDF that was never keyed would make everybody's keys the same.
        if memory_equals(args.kdf, &hmac_sha512_key::default()) {
            pr_err_ratelimited!("The key derivation key is missing\n");
            return Err(EINVAL);
        }
        let info = match &args.keys {
            KeySource::Authenticated(Authenticated { block_bits, .. })
                if !(data_unit_bits.get()..=PAGE_SHIFT as u8).contains(block_bits) =>
            {
                pr_err_ratelimited!("Blocks of 2^{} bytes are impossible\n", block_bits);
                return Err(EINVAL);
            }
            KeySource::Authenticated(_) => Info::AuthenticatedPrk {
                mode: mode.number,
                data_unit_bits: data_unit_bits.get(),
            },
            KeySource::PerExtent => Info::ExtentPrk,
            _ if mode.iv_size < 8 + NONCE_SIZE => return Err(EINVAL),
            KeySource::RawDirect(raw) if raw.len() != mode.key_size => return Err(EINVAL),
            KeySource::Direct | KeySource::RawDirect(_) => Info::ExtentPrk,
        };

        let prk = engine.extent_prks.get(args.filesystem, args.kdf, info)?;
        trace::open(mode, prk.id);
        let mut handle = Self {
            engine,
            cache,
            mode,
            prk,
            keys: Keys::PerExtent,
            data_unit_bits,
            has_blk_crypto: caches.has_blk_crypto(),
        };
        let prk = &handle.prk;
        handle.keys = match args.keys {
            KeySource::PerExtent => Keys::PerExtent,
            KeySource::Authenticated(authenticated) => {
                Keys::Authenticated(KBox::new((prk.tag_key()?, authenticated), GFP_KERNEL)?)
            }
            KeySource::Direct => Keys::Direct(prk.shared_key(SharedKey::Derived, mode, |key| {
                hkdf::expand(args.kdf, Info::DirectKey(mode.number), key)
            })?),
            KeySource::RawDirect(raw) => {
                Keys::RawDirect(prk.shared_key(SharedKey::Raw, mode, |key| {
                    key[..raw.len()].copy_from_slice(raw)
                })?)
            }
        };
        Ok(handle)
    }

    /// The data unit size in bytes.
    pub(crate) fn data_unit_size(&self) -> u32 {
        1 << self.data_unit_bits.get()
    }

    /// Whether extents of one handle can be read through the other. Any context.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.prk.id == other.prk.id
            && self.mode == other.mode
            && self.data_unit_bits == other.data_unit_bits
            && discriminant(&self.keys) == discriminant(&other.keys)
    }

    /// Encrypts `src` to `dst`, which may be the same. `pos` is where in the extent's data unit
    /// space they begin, in bytes.
    ///
    /// Where contents are authenticated, whole blocks are encrypted, and `tags` is one for each,
    /// which is made; elsewhere it is empty.
    ///
    /// Sleeps until a cipher is free. `EINVAL` if something isn't aligned or out of range, `EIO` if
    /// the cipher fails; in either case, what was written is undefined.
    pub(crate) fn encrypt(
        &self,
        nonce: &Nonce,
        pos: u64,
        src: DataUnits<'_>,
        dst: DataUnits<'_>,
        tags: &mut [Tag],
    ) -> Result {
        let len = dst.bytes();

        if src.bytes() != len || !self.tags_fit(tags, pos, len) {
            return Err(self.refused(pos, len));
        }
        let units = src.zip(dst).map(|(src, dst)| Ok((src?, dst?)));
        let Some((key, authenticated)) = self.authentication() else {
            return self.crypt(Direction::Encrypt, nonce, pos, len, units, |_, _| ());
        };
        let bits = (authenticated.block_bits, self.data_unit_bits.get());
        let mut tagger = Tagger::new(key, nonce, bits.0, bits.1, tags);

        self.crypt(Direction::Encrypt, nonce, pos, len, units, |index, unit| {
            tagger.add(index, unit)
        })
    }

    /// Whether `tags` is as [`Self::encrypt`] needs it for `len` bytes at `pos`.
    fn tags_fit(&self, tags: &[Tag], pos: u64, len: u32) -> bool {
        match self.block_bits() {
            None => tags.is_empty(),
            Some(bits) => {
                (pos | u64::from(len)) & ((1 << bits) - 1) == 0
                    && tags.len() == (len >> bits) as usize
            }
        }
    }

    /// Size of the blocks that have tags, as a power of two; `None` if there are no tags.
    pub(crate) fn block_bits(&self) -> Option<u8> {
        self.authentication()
            .map(|(_, authenticated)| authenticated.block_bits)
    }

    /// What tags are made with, if contents are authenticated.
    fn authentication(&self) -> Option<(&TagKey, &Authenticated)> {
        match &self.keys {
            Keys::Authenticated(keys) => Some((&keys.0, &keys.1)),
            _ => None,
        }
    }

    /// Checks the tag of block `index` of the extent with this nonce, whose ciphertext `block` is.
    ///
    /// `EBADMSG` if it isn't what was written there, `EINVAL` if contents aren't authenticated or
    /// the block isn't one within its page. Any context.
    pub(crate) fn verify_block(
        &self,
        nonce: &Nonce,
        index: u64,
        block: DataUnit<'_>,
        tag: &Tag,
    ) -> Result {
        let Some((key, authenticated)) = self.authentication() else {
            return Err(self.refused(index, block.len()));
        };
        let bits = authenticated.block_bits;

        if block.len() != 1 << bits || (block.offset() + block.len()) as usize > PAGE_SIZE {
            return Err(self.refused(index << bits, block.len()));
        }
        tag::block_tag(key, nonce, index, bits, block).verify(tag)
    }

    /// Makes the tag of a place in the inode. `EINVAL` if contents aren't authenticated. Any
    /// context.
    pub(crate) fn tag_place(&self, place: &Place) -> Result<Tag> {
        let Some((key, authenticated)) = self.authentication() else {
            return Err(self.refused(place.base, 0));
        };

        Ok(tag::place_tag(key, &authenticated.inode_nonce, place))
    }

    /// Decrypts `data` in place, otherwise like [`Self::encrypt`].
    pub(crate) fn decrypt(&self, nonce: &Nonce, pos: u64, data: DataUnits<'_>) -> Result {
        let len = data.bytes();
        let units = data.map(|unit| unit.map(|unit| (unit, unit)));

        self.crypt(Direction::Decrypt, nonce, pos, len, units, |_, _| ())
    }

    /// `done` is called for each data unit, with its index, when it has been written.
    fn crypt<'u>(
        &self,
        direction: Direction,
        nonce: &Nonce,
        pos: u64,
        len: u32,
        units: impl Iterator<Item = Result<(DataUnit<'u>, DataUnit<'u>)>>,
        mut done: impl FnMut(u64, DataUnit<'u>),
    ) -> Result {
        let first = self.first_index(pos, len)?;

        let io = IoInfo {
            direction,
            bytes: len,
        };
        let slot = self
            .cache
            .get(self.key_id(nonce), io, |key| self.derive(nonce, key))
            .map_err(|error| self.failed(error))?;
        let mut memory = RequestMemory::new();
        let mut request = Request::new(slot.keyslot(), &mut memory);

        for (index, unit) in (first..).zip(units) {
            let Ok((src, dst)) = unit else {
                return Err(self.refused(pos, len));
            };
            request
                .crypt(direction, self.iv(index, nonce), src, dst)
                .map_err(|error| self.failed(error))?;
            done(index, dst);
        }
        Ok(())
    }

    /// Has blk-crypto encrypt or decrypt `bio` when it is submitted to `device`.
    ///
    /// Sleeps, but doesn't wait for keys. Returns the key's number, which is put in
    /// [`OpenDevice::keys`] when `bio` ended. `EBUSY` if no key is idle; `EINVAL` if something
    /// isn't aligned or out of range, or if the mode wasn't prepared for blk-crypto.
    ///
    /// # Safety
    ///
    /// `bio` must be valid and have no encryption context. The key must not be put before it ended.
    pub(crate) unsafe fn set_blk_crypto(
        &self,
        direction: Direction,
        nonce: &Nonce,
        pos: u64,
        bio: *mut bio,
        device: &OpenDevice,
    ) -> Result<usize> {
        // SAFETY: `bio` is valid.
        let bytes = unsafe { (*bio).bi_iter.bi_size };
        let first = self.first_index(pos, bytes)?;
        let io = IoInfo { direction, bytes };
        let id = KeyId {
            data_unit_bits: Some(self.data_unit_bits),
            ..self.key_id(nonce)
        };

        // blk-crypto makes no tags.
        if self.block_bits().is_some() {
            return Err(self.refused(pos, bytes));
        }
        if !self.has_blk_crypto {
            return Err(EINVAL);
        }
        let slot = device.keys.try_get(id, io, |key| self.derive(nonce, key))?;

        // SAFETY: As the caller promises. The keys of `device` are for that.
        unsafe { slot.keyslot().set_context(bio, &self.iv(first, nonce)) };
        Ok(slot.into_index())
    }

    /// The index of the first data unit of `len` bytes at `pos`; `EINVAL` as in [`Self::encrypt`].
    fn first_index(&self, pos: u64, len: u32) -> Result<u64> {
        let unit_mask = u64::from(self.data_unit_size()) - 1;
        let first = pos >> self.data_unit_bits.get();

        if len == 0
            || (pos | u64::from(len)) & unit_mask != 0
            || first + (u64::from(len) >> self.data_unit_bits.get()) > INDEX_LIMIT
        {
            return Err(self.refused(pos, len));
        }
        Ok(first)
    }

    fn key_id(&self, nonce: &Nonce) -> KeyId {
        KeyId {
            prk: self.prk.id,
            kind: match self.keys {
                Keys::PerExtent | Keys::Authenticated(_) => KeyKind::Extent(*nonce),
                Keys::Direct(_) => KeyKind::Direct,
                Keys::RawDirect(_) => KeyKind::RawDirect,
            },
            mode: self.mode,
            data_unit_bits: None,
        }
    }

    fn derive(&self, nonce: &Nonce, key: &mut [u8; MAX_KEY_SIZE]) {
        match &self.keys {
            Keys::PerExtent | Keys::Authenticated(_) => {
                hkdf::expand(self.prk.key(), Info::ExtentKey(nonce), key)
            }
            Keys::Direct(shared) | Keys::RawDirect(shared) => key.copy_from_slice(&shared[..]),
        }
    }

    fn iv(&self, index: u64, nonce: &Nonce) -> Iv {
        match self.keys {
            Keys::PerExtent | Keys::Authenticated(_) => Iv::new(index),
            Keys::Direct(_) | Keys::RawDirect(_) => Iv::with_nonce(index, nonce),
        }
    }

    /// The filesystem has a bug.
    #[cold]
    fn refused(&self, pos: u64, len: u32) -> Error {
        pr_err_ratelimited!(
            "{} bytes at {}: not aligned to data units of {} bytes, out of range, or tags missing\n",
            len,
            pos,
            self.data_unit_size()
        );
        EINVAL
    }

    #[cold]
    fn failed(&self, error: Error) -> Error {
        pr_err_ratelimited!("{} failed: {}\n", self.mode.name, error.to_errno());
        EIO
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        trace::close(self.mode, self.prk.id);
        self.engine.put_prk(&self.prk);
    }
}

#[kunit_tests(fscrypt_extent_handle)]
mod tests {
    use super::*;
    use crate::{
        c::bindings::{
            FSCRYPT_MODE_ADIANTUM,
            FSCRYPT_MODE_AES_256_CTS,
            FSCRYPT_MODE_AES_256_XTS, //
        },
        cache::fake_keyslot::hits,
        crypt::test_bio::TestBio,
        test_vectors::{
            ends,
            pattern,
            MASTER_PRK, //
            NONCE,
        }, //
    };

    const XTS: u8 = FSCRYPT_MODE_AES_256_XTS as u8;
    const ADIANTUM: u8 = FSCRYPT_MODE_ADIANTUM as u8;

    fn engine() -> Result<Pin<KBox<Engine>>> {
        let engine = KBox::pin_init(Engine::new(4), GFP_KERNEL)?;

        engine.mode_caches(XTS)?.prepare()?;
        engine.mode_caches(ADIANTUM)?.prepare()?;
        Ok(engine)
    }

    fn kdf(prk: &[u8; 64]) -> hmac_sha512_key {
        let mut key = hmac_sha512_key::default();

        hkdf::prepare(prk, &mut key);
        key
    }

    fn open<'a>(engine: &'a Engine, mode: u8, bits: u8, keys: KeySource<'_>) -> Result<Handle<'a>> {
        let args = OpenArgs {
            filesystem: Filesystem(1),
            kdf: &kdf(&MASTER_PRK),
            keys,
            data_unit_bits: bits,
        };

        Handle::open(engine, engine.mode_caches(mode)?, args)
    }

    /// Encrypts the test pattern, checks that decryption inverts it, and returns the ciphertext.
    fn encrypt(
        handle: &Handle<'_>,
        pos: u64,
        segments: &[(usize, usize)],
        dst_segments: &[(usize, usize)],
    ) -> Result<KVec<u8>> {
        let unit_size = handle.data_unit_size();
        let src = TestBio::new(segments)?;
        let dst = TestBio::new(dst_segments)?;
        let data = pattern(segments.iter().map(|&(_, len)| len).sum())?;

        src.write(&data)?;
        handle.encrypt(
            &NONCE,
            pos,
            src.units(unit_size),
            dst.units(unit_size),
            &mut [],
        )?;
        let ciphertext = dst.read()?;
        handle.decrypt(&NONCE, pos, dst.units(unit_size))?;
        if src.read()?[..] != data[..] || dst.read()?[..] != data[..] {
            return Err(EBADMSG);
        }
        Ok(ciphertext)
    }

    /// From the master key 00..3f; computed with Python's `hmac` and OpenSSL's AES-XTS.
    #[test]
    fn whole_page_units() -> Result {
        let engine = engine()?;
        let handle = open(&engine, XTS, 12, KeySource::PerExtent)?;

        assert_eq!(
            ends(&encrypt(&handle, 3 << 12, &[(0, 4096)], &[(0, 4096)])?)?,
            (
                0x6e57ad1b5c71acedea20ae652a08c45f,
                0xd1310852e11153f4ac05ec7b863b5633
            )
        );
        Ok(())
    }

    /// The same, from data unit 16, with segments that differ between source and destination.
    #[test]
    fn sub_page_units() -> Result {
        let engine = engine()?;
        let handle = open(&engine, XTS, 9, KeySource::PerExtent)?;

        assert_eq!(
            ends(&encrypt(
                &handle,
                16 << 9,
                &[(1024, 1536), (0, 2048), (512, 512)],
                &[(0, 512), (512, 3584)]
            )?)?,
            (
                0x2eafde32da3d37d3d4b4d7e38bf93fcd,
                0xfdf137485f85ce8c1ea474fcec44db49
            )
        );
        Ok(())
    }

    #[test]
    fn direct_key() -> Result {
        let engine = engine()?;
        let handle = open(&engine, ADIANTUM, 12, KeySource::Direct)?;
        let key = KBox::pin_init(
            Secret::new(|key| hkdf::expand(&kdf(&MASTER_PRK), Info::DirectKey(ADIANTUM), key)),
            GFP_KERNEL,
        )?;
        let raw = open(&engine, ADIANTUM, 12, KeySource::RawDirect(&key[..32]))?;
        let ciphertext = encrypt(&handle, 5 << 12, &[(0, 4096)], &[(0, 4096)])?;

        assert!(ciphertext[..] == encrypt(&raw, 5 << 12, &[(0, 4096)], &[(0, 4096)])?[..]);
        assert!(!handle.is_same(&raw));

        // Though they have the same PRK, the other's cached key isn't used.
        let other = self::engine()?;
        let handle = open(&other, ADIANTUM, 12, KeySource::Direct)?;
        let raw = open(&other, ADIANTUM, 12, KeySource::RawDirect(&[1; 32]))?;
        assert!(ciphertext[..] == encrypt(&handle, 5 << 12, &[(0, 4096)], &[(0, 4096)])?[..]);
        assert!(ciphertext[..] != encrypt(&raw, 5 << 12, &[(0, 4096)], &[(0, 4096)])?[..]);

        // And with a cipher used directly.
        let mut cipher = Cipher::new(handle.mode)?;
        let bio = TestBio::new(&[(0, 4096)])?;
        let unit = bio.units(4096).next().ok_or(ENODATA)??;
        let iv = Iv::with_nonce(5, &NONCE);

        cipher.set_key(&key)?;
        bio.write(&pattern(4096)?)?;
        Request::new(&cipher, &mut RequestMemory::new()).crypt(
            Direction::Encrypt,
            iv,
            unit,
            unit,
        )?;
        assert!(ciphertext[..] == bio.read()?[..]);
        Ok(())
    }

    fn authenticated(block_bits: u8) -> KeySource<'static> {
        KeySource::Authenticated(Authenticated {
            inode_nonce: Nonce::new([0xb0; 16]),
            block_bits,
        })
    }

    /// What is tagged is what was written, and nothing else is accepted.
    #[test]
    fn tags() -> Result {
        let engine = engine()?;
        let handle = open(&engine, XTS, 9, authenticated(12))?;
        let bio = TestBio::new(&[(0, 4096), (0, 4096)])?;
        let mut tags = [Tag::default(); 2];
        let encrypt = |pos, tags: &mut [Tag]| {
            handle.encrypt(&NONCE, pos, bio.units(512), bio.units(512), tags)
        };
        let verify = |nonce: &Nonce, index, which: usize, tag: &Tag| {
            let block = bio.units(4096).nth(which).ok_or(ENODATA)??;

            handle.verify_block(nonce, index, block, tag)
        };

        bio.write(&pattern(2 * 4096)?)?;
        encrypt(7 << 12, &mut tags)?;
        for (which, tag) in tags.iter().enumerate() {
            assert_eq!(verify(&NONCE, 7 + which as u64, which, tag), Ok(()));
            assert_eq!(verify(&NONCE, 8 - which as u64, which, tag), Err(EBADMSG));
            assert_eq!(
                verify(&NONCE, 7 + which as u64, 1 - which, tag),
                Err(EBADMSG)
            );
            assert_eq!(
                verify(&Nonce::new([0; 16]), 7 + which as u64, which, tag),
                Err(EBADMSG)
            );
            // With a key for other data units, too.
            let other = open(&engine, XTS, 12, authenticated(12))?;
            let block = bio.units(4096).nth(which).ok_or(ENODATA)??;
            assert_eq!(
                other.verify_block(&NONCE, 7 + which as u64, block, tag),
                Err(EBADMSG)
            );
        }
        assert_eq!(verify(&NONCE, 7, 0, &Tag::default()), Err(EBADMSG));

        let mut ciphertext = bio.read()?;
        ciphertext[4095] ^= 1;
        bio.write(&ciphertext)?;
        assert_eq!(verify(&NONCE, 7, 0, &tags[0]), Err(EBADMSG));
        assert_eq!(verify(&NONCE, 8, 1, &tags[1]), Ok(()));

        assert_eq!(encrypt(0, &mut []), Err(EINVAL));
        assert_eq!(encrypt(0, &mut tags[..1]), Err(EINVAL));
        assert_eq!(encrypt(512, &mut tags), Err(EINVAL));
        Ok(())
    }

    #[test]
    fn no_tags_of_what_is_not_authenticated() -> Result {
        let engine = engine()?;
        let handle = open(&engine, XTS, 12, KeySource::PerExtent)?;
        let bio = TestBio::new(&[(0, 4096)])?;
        let units = || bio.units(4096);
        let block = units().next().ok_or(ENODATA)??;
        let tag = Tag::default();

        assert_eq!(
            handle.encrypt(&NONCE, 0, units(), units(), &mut [tag]),
            Err(EINVAL)
        );
        assert_eq!(handle.verify_block(&NONCE, 0, block, &tag), Err(EINVAL));
        assert_eq!(handle.tag_place(&Place::default()).err(), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn refuses_data() -> Result {
        let engine = engine()?;
        let handle = open(&engine, XTS, 12, KeySource::PerExtent)?;
        let page = &[(0, 4096)][..];
        let error = |pos, src, dst| encrypt(&handle, pos, src, dst).err();

        assert_eq!(error(512, page, page), Some(EINVAL));
        assert_eq!(error(1 << 44, page, page), Some(EINVAL));
        assert_eq!(error(u64::MAX - 4095, page, page), Some(EINVAL));
        assert_eq!(error(((1 << 32) - 1) << 12, page, page), None);
        assert_eq!(error(0, &[], &[]), Some(EINVAL));
        assert_eq!(error(0, &[(0, 2048)], &[(0, 2048)]), Some(EINVAL));
        assert_eq!(error(0, &[(0, 2048), (0, 2048)], page), Some(EINVAL));
        assert_eq!(error(0, page, &[(0, 4096), (0, 4096)]), Some(EINVAL));
        Ok(())
    }

    #[test]
    fn refuses_to_open() -> Result {
        let engine = engine()?;
        let unprepared = KBox::pin_init(Engine::new(1), GFP_KERNEL)?;
        let error = |mode, bits, keys| open(&engine, mode, bits, keys).err();
        let args = OpenArgs {
            filesystem: Filesystem(1),
            kdf: &hmac_sha512_key::default(),
            keys: KeySource::PerExtent,
            data_unit_bits: 12,
        };

        assert_eq!(error(XTS, 8, KeySource::PerExtent), Some(EINVAL));
        assert_eq!(error(XTS, 13, KeySource::PerExtent), Some(EINVAL));
        assert_eq!(error(XTS, 12, KeySource::Direct), Some(EINVAL));
        assert_eq!(error(XTS, 12, authenticated(9)), Some(EINVAL));
        assert_eq!(error(XTS, 12, authenticated(13)), Some(EINVAL));
        assert_eq!(
            error(ADIANTUM, 12, KeySource::RawDirect(&[1; 64])),
            Some(EINVAL)
        );
        assert_eq!(
            error(FSCRYPT_MODE_AES_256_CTS as u8, 12, KeySource::PerExtent),
            Some(EINVAL)
        );
        assert_eq!(
            Handle::open(&engine, engine.mode_caches(XTS)?, args).err(),
            Some(EINVAL)
        );
        assert_eq!(
            open(&unprepared, XTS, 12, KeySource::PerExtent).err(),
            Some(ENOPKG)
        );
        Ok(())
    }

    #[test]
    fn shares_prk() -> Result {
        let engine = engine()?;
        let open_for = |filesystem, prk: &[u8; 64]| {
            let args = OpenArgs {
                filesystem: Filesystem(filesystem),
                kdf: &kdf(prk),
                keys: KeySource::PerExtent,
                data_unit_bits: 12,
            };
            Handle::open(&engine, engine.mode_caches(XTS)?, args)
        };
        let a = open_for(1, &MASTER_PRK)?;
        let b = open_for(1, &MASTER_PRK)?;
        let prk = a.prk.id;

        assert!(a.is_same(&b));
        assert!(!a.is_same(&open_for(2, &MASTER_PRK)?));
        assert!(!a.is_same(&open_for(1, &[1; 64])?));
        assert!(!a.is_same(&open(&engine, XTS, 9, KeySource::PerExtent)?));
        assert!(!a.is_same(&open(&engine, ADIANTUM, 12, KeySource::PerExtent)?));
        assert!(!a.is_same(&open(&engine, XTS, 12, authenticated(12))?));

        drop(a);
        assert!(open_for(1, &MASTER_PRK)?.prk.id == prk);
        drop(b);
        assert!(open_for(1, &MASTER_PRK)?.prk.id != prk);
        Ok(())
    }

    /// Closing the last handle of a key, and no other, wipes what was derived from it.
    #[test]
    fn close_wipes() -> Result {
        for (mode, direct) in [(XTS, false), (ADIANTUM, false), (ADIANTUM, true)] {
            let keys = || match direct {
                false => KeySource::PerExtent,
                true => KeySource::Direct,
            };
            let engine = engine()?;
            let a = open(&engine, mode, 12, keys())?;
            let b = open(&engine, mode, 12, keys())?;
            let id = a.key_id(&NONCE);
            let cache = a.cache;

            encrypt(&a, 0, &[(0, 4096)], &[(0, 4096)])?;
            drop(a);
            assert!(hits(cache, id)?);
            drop(b);
            assert!(!hits(cache, id)?);
        }
        Ok(())
    }
}
