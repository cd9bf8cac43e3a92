// SPDX-License-Identifier: GPL-2.0-only

//! Ciphers: synchronous skciphers of the crypto API, and requests to them.

use crate::{
    c::{
        bindings,
        random, //
    },
    crypt::{
        data_unit::DataUnit,
        iv::Iv, //
    },
    keys::{
        key::{
            Key,
            KeyId,
            Keyslot, //
        },
        secret::Secret, //
    },
    mode::{
        Direction,
        Mode,
        MAX_KEY_SIZE, //
    }, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ptr::{
        null_mut,
        NonNull, //
    },
};
use kernel::{
    bindings::{
        scatterlist,
        SG_END, //
    },
    error::{
        from_err_ptr,
        to_result, //
    },
    prelude::*,
    warn_on, //
};

/// `FSCRYPT_CRYPTOAPI_MASK`: algorithms that fscrypt doesn't use. Those that are asynchronous or
/// allocate memory for each request can't promise forward progress to writeback.
const EXCLUDED_ALGORITHMS: u32 = bindings::CRYPTO_ALG_ASYNC
    | bindings::CRYPTO_ALG_ALLOCATES_MEMORY
    | bindings::CRYPTO_ALG_KERN_DRIVER_ONLY;

/// A cipher of one mode. Zeroized when freed.
///
/// Any number of tasks can encrypt and decrypt with it at a time.
///
/// Once it is there, nothing allocates memory. Requests don't, as [`EXCLUDED_ALGORITHMS`] leaves
/// only algorithms that don't if the IV is aligned and no data unit crosses a page. The crypto API
/// promises nothing of the kind for setting keys, but on x86-64 no mode's algorithms allocate
/// there, and a key that is aligned like a [`Secret`] isn't copied.
///
/// # Invariants
///
/// `tfm` points to a valid skcipher that this object owns.
pub(crate) struct Cipher {
    tfm: NonNull<bindings::crypto_sync_skcipher>,
    mode: &'static Mode,
}

// SAFETY: A skcipher isn't bound to a task.
unsafe impl Send for Cipher {}
// SAFETY: Concurrent requests are allowed; what isn't, setting a key, takes `&mut self`.
unsafe impl Sync for Cipher {}

impl Cipher {
    /// Allocates a cipher without a key. Sleeps, allocates with `GFP_KERNEL`, may load modules.
    /// `ENOENT` if there is no such algorithm.
    pub(crate) fn new(mode: &'static Mode) -> Result<Self> {
        // SAFETY: The name is a C string.
        let tfm = from_err_ptr(unsafe {
            bindings::crypto_alloc_sync_skcipher(mode.cipher.as_char_ptr(), 0, EXCLUDED_ALGORITHMS)
        })?;
        // INVARIANT: The allocation succeeded, and nobody else has the pointer.
        let cipher = Self {
            tfm: NonNull::new(tfm).ok_or(ENOMEM)?,
            mode,
        };

        // SAFETY: `tfm` is valid by the type invariant.
        let iv_size = unsafe { bindings::helper_crypto_sync_skcipher_ivsize(tfm) };
        if warn_on!(iv_size as usize != mode.iv_size) {
            return Err(EINVAL);
        }
        // SAFETY: As above.
        unsafe {
            bindings::helper_crypto_sync_skcipher_set_flags(
                tfm,
                bindings::CRYPTO_TFM_REQ_FORBID_WEAK_KEYS,
            )
        };
        Ok(cipher)
    }

    /// The crypto API's name of the implementation.
    pub(crate) fn driver_name(&self) -> &CStr {
        // SAFETY: `tfm` is valid by the type invariant, and so is the name as long as it is.
        unsafe {
            CStr::from_char_ptr(bindings::helper_crypto_sync_skcipher_driver_name(
                self.tfm.as_ptr(),
            ))
        }
    }

    /// See [`Keyslot::program`].
    pub(crate) fn set_key(&mut self, key: &Key) -> Result {
        let key = &key[..self.mode.key_size];

        // SAFETY: `tfm` is valid by the type invariant, `&mut self` excludes users of the old key,
        // and `key` is valid for reads of its length.
        to_result(unsafe {
            bindings::helper_crypto_sync_skcipher_setkey(
                self.tfm.as_ptr(),
                key.as_ptr(),
                key.len() as u32,
            )
        })
    }
}

impl Keyslot for Cipher {
    fn program(&mut self, _id: &KeyId, key: &Key) -> Result {
        self.set_key(key)
    }

    /// Replaces the key by a random one, as all zeroes would be refused as a weak key. Sleeps.
    fn wipe(&mut self) {
        pin_init::stack_pin_init!(let key = Secret::new(|key: &mut [u8; MAX_KEY_SIZE]| {
            random::fill(key)
        }));
        // Nothing but a weak key is refused, and a random one is weak once in 2^128 times. Even
        // then, the crypto API doesn't use what there is until another key was set.
        warn_on!(self.set_key(&key).is_err());
    }
}

impl Drop for Cipher {
    fn drop(&mut self) {
        // SAFETY: `tfm` is valid and ours by the type invariant.
        unsafe { bindings::helper_crypto_free_sync_skcipher(self.tfm.as_ptr()) };
    }
}

#[repr(C)]
struct RequestLayout {
    request: bindings::skcipher_request,
    context: [u8; bindings::MAX_SYNC_SKCIPHER_REQSIZE as usize],
}

/// Memory for a [`Request`]: what `SYNC_SKCIPHER_REQUEST_ON_STACK()` declares, but not cleared.
pub(crate) struct RequestMemory(MaybeUninit<RequestLayout>);

impl RequestMemory {
    /// Uninitialized memory.
    pub(crate) const fn new() -> Self {
        Self(MaybeUninit::uninit())
    }
}

/// A list of one entry: what sg_init_one() makes, of which the calls for each data unit would show
/// in what it costs to encrypt.
fn scatterlist_of(unit: DataUnit<'_>) -> scatterlist {
    scatterlist {
        page_link: unit.page().addr() | SG_END as usize,
        offset: unit.offset(),
        length: unit.len(),
        ..Default::default()
    }
}

/// A request to a cipher, used for one data unit after the other.
///
/// # Invariants
///
/// `request` points to a request to a cipher that lives for `'a`, as does the request.
pub(crate) struct Request<'a> {
    request: *mut bindings::skcipher_request,
    _memory: PhantomData<&'a mut RequestMemory>,
}

impl<'a> Request<'a> {
    /// Makes a request to `cipher`.
    pub(crate) fn new(cipher: &'a Cipher, memory: &'a mut RequestMemory) -> Self {
        let request: *mut bindings::skcipher_request = memory.0.as_mut_ptr().cast();

        // SAFETY: `request` is followed by as much memory as a synchronous skcipher can ask for,
        // and its tfm is valid.
        unsafe {
            bindings::helper_skcipher_request_set_sync_tfm(request, cipher.tfm.as_ptr());
            bindings::helper_skcipher_request_set_callback(
                request,
                bindings::CRYPTO_TFM_REQ_MAY_SLEEP | bindings::CRYPTO_TFM_REQ_MAY_BACKLOG,
                None,
                null_mut(),
            );
        }
        // INVARIANT: It was initialized above.
        Self {
            request,
            _memory: PhantomData,
        }
    }

    /// Encrypts or decrypts `src` to `dst`, which must be of the same size. Sleeps.
    ///
    /// Each unit is a scatterlist of one entry, which is what all the fast paths want.
    #[inline]
    pub(crate) fn crypt(
        &mut self,
        direction: Direction,
        mut iv: Iv,
        src: DataUnit<'_>,
        dst: DataUnit<'_>,
    ) -> Result {
        let mut src_list = scatterlist_of(src);
        let mut dst_list;
        let request = self.request;

        // SAFETY: The request is valid by the type invariant, and so are the pages of the units. As
        // the cipher is synchronous, nothing keeps the pointers.
        let status = unsafe {
            (*request).src = &raw mut src_list;
            (*request).dst = if src == dst {
                &raw mut src_list
            } else {
                dst_list = scatterlist_of(dst);
                &raw mut dst_list
            };
            (*request).cryptlen = src.len();
            (*request).iv = iv.0.as_mut_ptr();
            match direction {
                Direction::Encrypt => bindings::crypto_skcipher_encrypt(request),
                Direction::Decrypt => bindings::crypto_skcipher_decrypt(request),
            }
        };
        // to_result() isn't inlined, and a call of it for each data unit would show, too.
        if status == 0 {
            return Ok(());
        }
        to_result(status)
    }
}

#[kunit_tests(fscrypt_extent_cipher)]
mod tests {
    use super::*;
    use crate::{
        crypt::test_bio::TestBio,
        mode::{
            MAX_IV_SIZE,
            MODES, //
        },
        test_vectors::ends, //
    };

    fn key(bytes: &[u8]) -> Result<Pin<KBox<Key>>> {
        KBox::pin_init(
            Secret::new(|key: &mut [u8; MAX_KEY_SIZE]| key[..bytes.len()].copy_from_slice(bytes)),
            GFP_KERNEL,
        )
    }

    fn cipher(mode: usize, bytes: &[u8]) -> Result<Cipher> {
        let mut cipher = Cipher::new(&MODES[mode])?;

        cipher.set_key(&*key(bytes)?)?;
        Ok(cipher)
    }

    /// Encrypts `data`, checks that decryption inverts it, and returns the ciphertext.
    fn encrypt(cipher: &Cipher, iv: &[u8], data: &[u8]) -> Result<KVec<u8>> {
        let src = TestBio::new(&[(0, data.len())])?;
        let dst = TestBio::new(&[(512, data.len())])?;
        let src_unit = src.units(data.len() as u32).next().ok_or(EINVAL)??;
        let dst_unit = dst.units(data.len() as u32).next().ok_or(EINVAL)??;
        let iv = || {
            let mut bytes = [0; MAX_IV_SIZE];

            bytes[..iv.len()].copy_from_slice(iv);
            Iv(bytes)
        };
        let mut memory = RequestMemory::new();
        let mut request = Request::new(cipher, &mut memory);

        src.write(data)?;
        request.crypt(Direction::Encrypt, iv(), src_unit, dst_unit)?;
        let ciphertext = dst.read()?;
        request.crypt(Direction::Decrypt, iv(), dst_unit, dst_unit)?;
        if src.read()?[..] != *data || dst.read()?[..] != *data {
            return Err(EBADMSG);
        }
        Ok(ciphertext)
    }

    /// 00..ff, twice. Its beginning is the key where no source has another.
    static COUNTING: [u8; 512] = {
        let mut bytes = [0; 512];
        let mut i = 0;

        while i < 512 {
            bytes[i] = i as u8;
            i += 1;
        }
        bytes
    };

    /// The IV of data unit 0x123456789.
    const DATA_UNIT: &[u8] = b"\x89\x67\x45\x23\x01";

    /// What a mode makes of [`COUNTING`], or of `data` if there is some.
    struct Vector {
        mode: usize,
        key: &'static [u8],
        iv: &'static [u8],
        data: Option<u128>,
        /// The first and the last 16 bytes.
        ciphertext: (u128, u128),
    }

    const VECTORS: [Vector; 4] = [
        // IEEE Std 1619-2007, vector 10.
        Vector {
            mode: 0,
            key: b"\x27\x18\x28\x18\x28\x45\x90\x45\x23\x53\x60\x28\x74\x71\x35\x26\
                   \x62\x49\x77\x57\x24\x70\x93\x69\x99\x59\x57\x49\x66\x96\x76\x27\
                   \x31\x41\x59\x26\x53\x58\x97\x93\x23\x84\x62\x64\x33\x83\x27\x95\
                   \x02\x88\x41\x97\x16\x93\x99\x37\x51\x05\x82\x09\x74\x94\x45\x92",
            iv: b"\xff",
            data: None,
            ciphertext: (
                0x1c3b3a102f770386e4836c99e370cf9b,
                0xc4f36ffda9fcea70b9c6e693e148c151,
            ),
        },
        // Computed with OpenSSL's AES-ECB and AES-CBC.
        Vector {
            mode: 1,
            key: COUNTING.first_chunk::<16>().unwrap(),
            iv: DATA_UNIT,
            data: None,
            ciphertext: (
                0x2a40c4628590483408190a6f837c3fb4,
                0x2a41503546060ce97ff56da7a1ae7e00,
            ),
        },
        // Computed with XTS in Python on OpenSSL's SM4-ECB.
        Vector {
            mode: 2,
            key: COUNTING.first_chunk::<32>().unwrap(),
            iv: DATA_UNIT,
            data: None,
            ciphertext: (
                0x959e6e75895f4c834c0e88393137e8fb,
                0xa240256f9c55b241c0e1bd2728ebcf7a,
            ),
        },
        // The first vector for XChaCha12 and AES-256 of the authors of Adiantum.
        Vector {
            mode: 3,
            key: b"\x9e\xeb\xb2\x49\x3c\x1c\xf5\xf4\x6a\x99\xc2\xc4\xdf\xb1\xf4\xdd\
                   \x75\x20\x57\xea\x2c\x4f\xcd\xb2\xa5\x3d\x7b\x49\x1e\xab\xfd\x0f",
            iv: b"\xdf\x63\xd4\xab\xd2\x49\xf3\xd8\x33\x81\x37\x60\x7d\xfa\x73\x08\
                  \xd8\x49\x6d\x80\xe8\x2f\x62\x54\xeb\x0e\xa9\x39\x5b\x45\x7f\x8a",
            data: Some(0x67c9f23084418e43fbf3b33e79367fe8),
            ciphertext: (
                0x6d32861867860f3f967c9d280d53ec9f,
                0x6d32861867860f3f967c9d280d53ec9f,
            ),
        },
    ];

    #[test]
    fn vectors() -> Result {
        for vector in &VECTORS {
            let cipher = cipher(vector.mode, vector.key)?;
            let ciphertext = match vector.data {
                Some(data) => encrypt(&cipher, vector.iv, &data.to_be_bytes())?,
                None => encrypt(&cipher, vector.iv, &COUNTING)?,
            };

            assert_eq!(ends(&ciphertext)?, vector.ciphertext);
        }
        Ok(())
    }

    /// In all modes, a cipher can get a key again, also after one that is refused.
    #[test]
    fn wiped_and_used_again() -> Result {
        for mode in 0..MODES.len() {
            let bytes = &COUNTING[..64];
            let mut cipher = cipher(mode, bytes)?;
            let before = encrypt(&cipher, b"\x01", &COUNTING)?;

            cipher.wipe();
            assert!(encrypt(&cipher, b"\x01", &COUNTING)?[..] != before[..]);
            // Not all modes know weak keys.
            let refused = cipher.set_key(&*key(&[0; 64])?);
            assert!(matches!(refused, Ok(()) | Err(EINVAL)));
            cipher.wipe();
            cipher.set_key(&*key(bytes)?)?;
            assert!(encrypt(&cipher, b"\x01", &COUNTING)?[..] == before[..]);
        }
        Ok(())
    }

    #[test]
    fn refuses_weak_key() {
        assert!(matches!(cipher(0, &[0; 64]), Err(EINVAL)));
    }
}
