// SPDX-License-Identifier: GPL-2.0-only

//! The boundary to C: `struct fscrypt_extent_ops`. Contexts, locks and errors of the operations are
//! documented there.

use crate::{
    c::{
        bindings::{
            self,
            fscrypt_extent_device,
            fscrypt_extent_handle,
            fscrypt_extent_nonce,
            fscrypt_extent_open_args,
            fscrypt_extent_ops, //
        },
        log::pr_err_ratelimited, //
    },
    crypt::{
        blk_key::Device,
        data_unit::{
            DataUnit,
            DataUnits, //
        },
        tag::{
            Place,
            Tag, //
        }, //
    },
    devices::OpenDevice,
    engine::Engine,
    handle::{
        Authenticated,
        Handle,
        KeySource,
        OpenArgs, //
    },
    keys::{
        extent_prk::Filesystem,
        nonce::Nonce, //
    },
    mode::Direction,
    mode_caches::ModeCaches,
    LocalModule, //
};
use core::{
    ptr::null_mut,
    slice, //
};
use kernel::{
    bindings::{
        bio,
        block_device,
        bvec_iter,
        page,
        req_op_REQ_OP_WRITE, //
    },
    debugfs,
    error::{
        from_result,
        to_result, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    ModuleMetadata, //
};

/// The engine, as long as it is registered.
static ENGINE: Atomic<*mut Engine> = Atomic::new(null_mut());

static OPS: Ops = Ops(fscrypt_extent_ops {
    owner: LocalModule::THIS_MODULE.as_ptr(),
    is_prepared: Some(is_prepared),
    prepare_mode: Some(prepare_mode),
    open: Some(open),
    close: Some(close),
    same_key: Some(same_key),
    encrypt: Some(encrypt),
    decrypt: Some(decrypt),
    verify_block: Some(verify_block),
    tag_place: Some(tag_place),
    verify_place: Some(verify_place),
    open_device: Some(open_device),
    close_device: Some(close_device),
    set_inline_crypt: Some(set_inline_crypt),
    put_inline_key: Some(put_inline_key),
});

struct Ops(fscrypt_extent_ops);

// SAFETY: The table is never written.
unsafe impl Sync for Ops {}

/// The registration of the engine with fs/crypto, which owns the engine.
pub(crate) struct Registration {
    _engine: Pin<KBox<debugfs::Scope<Engine>>>,
}

impl Registration {
    /// Makes the engine, registers it and shows it in debugfs. `EBUSY` if there is another.
    pub(crate) fn new(engine: impl PinInit<Engine>) -> Result<Self> {
        let engine = KBox::pin_init(
            debugfs::Scope::dir(engine, c"fscrypt_extent", |engine, dir| {
                dir.read_callback_file(c"stats", engine, &Engine::show)
            }),
            GFP_KERNEL,
        )?;
        let pointer: *const Engine = &**engine;

        ENGINE.store(pointer.cast_mut(), Relaxed);
        // SAFETY: `OPS` is valid until it is unregistered, and `ENGINE` is set.
        to_result(unsafe { bindings::fscrypt_register_extent_ops(&OPS.0) })?;
        Ok(Self { _engine: engine })
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        // SAFETY: `new` registered it. The module is going away, so there are no handles and no
        // operations run: each has a reference to the module.
        unsafe { bindings::fscrypt_unregister_extent_ops(&OPS.0) };
    }
}

/// The engine.
///
/// # Safety
///
/// Must be called from an operation. The reference must not be used longer than the operation runs
/// or the handle lives that it makes.
unsafe fn engine() -> &'static Engine {
    // SAFETY: `ENGINE` was set before the registration, and the engine is there until after its
    // end, which comes after the end of all operations and handles.
    unsafe { &*ENGINE.load(Relaxed) }
}

/// Returns whether nothing is left to be prepared for the mode. Any context.
///
/// # Safety
///
/// The engine must be registered while this runs, as in all operations.
unsafe extern "C" fn is_prepared(mode: u8) -> bool {
    // SAFETY: This is an operation.
    let engine = unsafe { engine() };

    engine.mode_caches(mode).is_ok_and(ModeCaches::is_prepared)
}

/// Prepares the mode: 0, or `-ENOPKG`, `-EINVAL`, `-ENOMEM` or `-EINTR`. Sleeps, allocates with
/// `GFP_KERNEL`, may load modules.
///
/// # Safety
///
/// `bdev` must be null, or a block device that is open while this runs.
unsafe extern "C" fn prepare_mode(mode: u8, bdev: *mut block_device) -> c_int {
    // SAFETY: This is an operation, and the device is open as long as it runs.
    let (engine, device) = unsafe { (engine(), Device::new(bdev)) };

    from_result(|| {
        let caches = engine.mode_caches(mode)?;

        caches.prepare()?;
        if let Some(device) = device {
            caches.prepare_blk_crypto(device)?;
        }
        Ok(0)
    })
}

/// Makes a handle, which the caller owns and gives to [`close`]; or an `ERR_PTR()` of `-EINVAL`,
/// `-ENOPKG` or `-ENOMEM`. Allocates with `GFP_KERNEL`.
///
/// # Safety
///
/// `args` must be valid for reads while this runs, and so must be what its `kdf` points to, and
/// what its `raw_key` does unless that is null: as many bytes as the keys of the mode have. `sb`
/// isn't dereferenced. No pointer is kept.
///
/// The engine must be there until [`close`], for which the caller has a reference to the module.
unsafe extern "C" fn open(args: *const fscrypt_extent_open_args) -> *mut fscrypt_extent_handle {
    // SAFETY: This is an operation, and the reference goes into the handle.
    let engine = unsafe { engine() };
    // SAFETY: `args` and what it points to are valid during the call.
    let args = unsafe { &*args };
    let handle = || -> Result<_> {
        let caches = engine.mode_caches(args.mode)?;
        let keys = if args.authenticated {
            if args.direct_key {
                pr_err_ratelimited!("Extents that share a key can't be authenticated\n");
                return Err(EINVAL);
            }
            KeySource::Authenticated(Authenticated {
                inode_nonce: Nonce::from(&args.inode_nonce),
                block_bits: args.block_bits,
            })
        } else if !args.direct_key {
            KeySource::PerExtent
        } else if args.raw_key.is_null() {
            KeySource::Direct
        } else {
            // SAFETY: The raw key is as long as the keys of the mode.
            KeySource::RawDirect(unsafe {
                slice::from_raw_parts(args.raw_key, caches.mode.key_size)
            })
        };
        let open_args = OpenArgs {
            filesystem: Filesystem(args.sb.addr()),
            // SAFETY: As for `args`.
            kdf: unsafe { &*args.kdf },
            keys,
            data_unit_bits: args.data_unit_bits,
        };

        let handle = Handle::open(engine, caches, open_args)?;

        Ok(KBox::new(handle, GFP_KERNEL)?)
    };

    match handle() {
        Ok(handle) => KBox::into_raw(handle).cast(),
        Err(error) => error.to_ptr(),
    }
}

/// Frees a handle. May be called in reclaim.
///
/// # Safety
///
/// `handle` must be from [`open`]. The caller gives it up, and nothing else uses it any more.
unsafe extern "C" fn close(handle: *mut fscrypt_extent_handle) {
    // SAFETY: `handle` is from `open`, and the caller gives it up.
    drop(unsafe { KBox::from_raw(handle.cast::<Handle<'static>>()) });
}

/// # Safety
///
/// `handle` must be from `open`, and not be closed during `'a`.
unsafe fn handle<'a>(handle: *const fscrypt_extent_handle) -> &'a Handle<'static> {
    // SAFETY: `open` made it from a box of this type.
    unsafe { &*handle.cast() }
}

/// Returns whether extents of one handle can be read through the other. Any context.
///
/// # Safety
///
/// `a` and `b` must be from [`open`] of this engine, and not be closed while this runs.
unsafe extern "C" fn same_key(
    a: *const fscrypt_extent_handle,
    b: *const fscrypt_extent_handle,
) -> bool {
    // SAFETY: Both are open during the call.
    let (a, b) = unsafe { (handle(a), handle(b)) };

    a.is_same(b)
}

#[cold]
fn not_authenticated() -> Error {
    pr_err_ratelimited!("There are no tags of contents that aren't authenticated\n");
    EINVAL
}

/// Encrypts to all that `dst`'s own iterator covers: 0, `-EINVAL` or `-EIO`. Sleeps until a cipher
/// is free.
///
/// # Safety
///
/// While this runs, `handle` must not be closed; `nonce`, `src_iter` and both bios must be valid;
/// `src_iter` must be within `src`; and the caller must be entitled to read the pages of `src` and
/// to write those of `dst`, which may be the same. `tags` must be null, or valid for writes of one
/// tag for each block of `dst`. No pointer is kept.
unsafe extern "C" fn encrypt(
    handle: *const fscrypt_extent_handle,
    nonce: *const fscrypt_extent_nonce,
    pos: u64,
    src: *mut bio,
    src_iter: *const bvec_iter,
    dst: *mut bio,
    tags: *mut Tag,
) -> c_int {
    // SAFETY: The handle is open during the call, and the others are valid.
    let (handle, nonce, mut src_iter, dst_iter) = unsafe {
        (
            self::handle(handle),
            Nonce::from(&*nonce),
            *src_iter,
            (*dst).bi_iter,
        )
    };

    // The source may be longer.
    src_iter.bi_size = { src_iter.bi_size }.min(dst_iter.bi_size);
    from_result(|| {
        let tags = match tags.is_null() {
            true => &mut [],
            false => {
                let bits = handle.block_bits().ok_or_else(not_authenticated)?;

                // SAFETY: There is one for each block.
                unsafe { slice::from_raw_parts_mut(tags, (dst_iter.bi_size >> bits) as usize) }
            }
        };
        // SAFETY: The iterators are within the bios, whose data is the caller's to give.
        let (src, dst) = unsafe {
            (
                DataUnits::new(src, src_iter, handle.data_unit_size()),
                DataUnits::new(dst, dst_iter, handle.data_unit_size()),
            )
        };

        handle.encrypt(&nonce, pos, src, dst, tags)?;
        Ok(0)
    })
}

/// Checks a block of ciphertext against its tag: 0, `-EBADMSG` or `-EINVAL`. Any context.
///
/// # Safety
///
/// While this runs, `handle` must not be closed, and `nonce` and `tag` must be valid; so must
/// `page`, a block of which at `offset` the caller must be entitled to read. No pointer is kept.
unsafe extern "C" fn verify_block(
    handle: *const fscrypt_extent_handle,
    nonce: *const fscrypt_extent_nonce,
    index: u64,
    page: *mut page,
    offset: c_uint,
    tag: *const Tag,
) -> c_int {
    // SAFETY: The handle is open during the call, and the others are valid.
    let (handle, nonce, tag) = unsafe { (self::handle(handle), Nonce::from(&*nonce), &*tag) };

    from_result(|| {
        let bits = handle.block_bits().ok_or_else(not_authenticated)?;
        // SAFETY: The caller promises that there is a block.
        let block = unsafe { DataUnit::new(page, offset, 1 << bits) };

        handle.verify_block(&nonce, index, block, tag)?;
        Ok(0)
    })
}

/// Makes the tag of a place: 0 or `-EINVAL`. Any context.
///
/// # Safety
///
/// While this runs, `handle` must not be closed, and `place` and `tag` must be valid. No pointer is
/// kept.
unsafe extern "C" fn tag_place(
    handle: *const fscrypt_extent_handle,
    place: *const Place,
    tag: *mut Tag,
) -> c_int {
    // SAFETY: The handle is open during the call, and the others are valid.
    let (handle, place, tag) = unsafe { (self::handle(handle), &*place, &mut *tag) };

    from_result(|| {
        *tag = handle.tag_place(place)?;
        Ok(0)
    })
}

/// Checks a place against its tag: 0, `-EBADMSG` or `-EINVAL`. Any context.
///
/// # Safety
///
/// As for [`tag_place`].
unsafe extern "C" fn verify_place(
    handle: *const fscrypt_extent_handle,
    place: *const Place,
    tag: *const Tag,
) -> c_int {
    // SAFETY: The handle is open during the call, and the others are valid.
    let (handle, place, tag) = unsafe { (self::handle(handle), &*place, &*tag) };

    from_result(|| {
        handle.tag_place(place)?.verify(tag)?;
        Ok(0)
    })
}

/// Decrypts in place what `iter` covers of `bio`, else like [`encrypt`].
///
/// # Safety
///
/// While this runs, `handle` must not be closed; `nonce`, `iter` and `bio` must be valid; `iter`
/// must be within `bio`; and the caller must be entitled to write its pages. No pointer is kept.
unsafe extern "C" fn decrypt(
    handle: *const fscrypt_extent_handle,
    nonce: *const fscrypt_extent_nonce,
    pos: u64,
    bio: *mut bio,
    iter: *const bvec_iter,
) -> c_int {
    // SAFETY: The handle is open during the call, and the others are valid.
    let (handle, nonce, iter) = unsafe { (self::handle(handle), Nonce::from(&*nonce), *iter) };

    from_result(|| {
        // SAFETY: The iterator is within the bio, whose data is the caller's to give.
        let data = unsafe { DataUnits::new(bio, iter, handle.data_unit_size()) };

        handle.decrypt(&nonce, pos, data)?;
        Ok(0)
    })
}

/// Makes keys for a device, which the caller owns and gives to [`close_device`]; or an `ERR_PTR()`
/// of `-ENOMEM`, or of `-EINVAL` if `bdev` is null. Sleeps, allocates with `GFP_KERNEL`.
///
/// # Safety
///
/// `bdev` must be null, or a block device that is open until [`close_device`] returned.
unsafe extern "C" fn open_device(bdev: *mut block_device) -> *mut fscrypt_extent_device {
    // SAFETY: This is an operation, and the device stays open until `close_device` returned.
    let (engine, device) = unsafe { (engine(), Device::new(bdev)) };
    let open = || -> Result<_> {
        let device = engine.open_device(device.ok_or(EINVAL)?)?;

        Ok(KBox::new(device, GFP_KERNEL)?)
    };

    match open() {
        Ok(device) => KBox::into_raw(device).cast(),
        Err(error) => error.to_ptr(),
    }
}

/// Wipes the keys of a device and frees it. Sleeps until I/O with them has ended.
///
/// # Safety
///
/// `device` must be from [`open_device`]. The caller gives it up: of what else uses it, only
/// [`put_inline_key`] may still come.
unsafe extern "C" fn close_device(device: *mut fscrypt_extent_device) {
    // SAFETY: This is an operation. `device` is from `open_device`, and the caller gives it up.
    let (engine, device) = unsafe { (engine(), KBox::from_raw(device.cast::<OpenDevice>())) };

    engine.close_device(&device);
}

/// # Safety
///
/// `device` must be from `open_device`, and not be closed during `'a`.
unsafe fn device<'a>(device: *const fscrypt_extent_device) -> &'a OpenDevice {
    // SAFETY: `open_device` made it from a box of this type.
    unsafe { &*device.cast() }
}

/// Has blk-crypto encrypt or decrypt `bio`: a positive number for [`put_inline_key`]; or `-EBUSY`
/// or `-EINVAL`, with `bio` as it was. Sleeps.
///
/// # Safety
///
/// While this runs, `handle` and `device` must not be closed, and `nonce` and `bio` be valid. `bio`
/// must have no encryption context, and be submitted to that device or be freed. `handle` must not
/// be closed before it has ended and the key was put; [`close_device`] waits for that.
unsafe extern "C" fn set_inline_crypt(
    handle: *const fscrypt_extent_handle,
    device: *const fscrypt_extent_device,
    nonce: *const fscrypt_extent_nonce,
    pos: u64,
    bio: *mut bio,
) -> c_int {
    // SAFETY: The handle and the device are open during the call, and the others are valid.
    let (handle, device, nonce, is_write) = unsafe {
        (
            self::handle(handle),
            self::device(device),
            Nonce::from(&*nonce),
            (*bio).bi_opf & req_op_REQ_OP_WRITE != 0,
        )
    };
    let direction = match is_write {
        true => Direction::Encrypt,
        false => Direction::Decrypt,
    };

    from_result(|| {
        // SAFETY: The bio is valid, and isn't known to blk-crypto. The caller puts the key when it
        // has ended.
        let number = unsafe { handle.set_blk_crypto(direction, &nonce, pos, bio, device)? };

        // Slots are numbered from 0, and caches are small.
        Ok(number as c_int + 1)
    })
}

/// Ends the use of a key. Process context, doesn't sleep.
///
/// # Safety
///
/// `device` must be from [`open_device`] and not be freed while this runs, and `key` be from
/// [`set_inline_crypt`] with it, and be put once.
unsafe extern "C" fn put_inline_key(device: *const fscrypt_extent_device, key: c_int) {
    // SAFETY: The device is open during the call.
    let device = unsafe { self::device(device) };

    device.keys.put(key as usize - 1);
}

#[kunit_tests(fscrypt_extent_ops)]
mod tests {
    use super::*;
    use crate::{
        c::bindings::{
            FSCRYPT_MODE_AES_256_CTS,
            FSCRYPT_MODE_AES_256_XTS, //
        },
        crypt::test_bio::TestBio,
        keys::hkdf,
        test_vectors::{
            pattern,
            MASTER_PRK, //
        }, //
    };
    use core::ptr::null;
    use kernel::{
        bindings::hmac_sha512_key,
        error::from_err_ptr, //
    };

    fn open_mode(mode: u32) -> Result<*mut fscrypt_extent_handle> {
        open_with(fscrypt_extent_open_args {
            mode: mode as u8,
            ..Default::default()
        })
    }

    fn open_with(args: fscrypt_extent_open_args) -> Result<*mut fscrypt_extent_handle> {
        let mut kdf = hmac_sha512_key::default();

        hkdf::prepare(&MASTER_PRK, &mut kdf);
        let args = fscrypt_extent_open_args {
            sb: null(),
            kdf: &kdf,
            raw_key: null(),
            data_unit_bits: 12,
            ..args
        };
        // SAFETY: The arguments are valid.
        from_err_ptr(unsafe { open(&args) })
    }

    #[test]
    fn modes() {
        // SAFETY: There are no requirements.
        unsafe {
            assert_eq!(prepare_mode(FSCRYPT_MODE_AES_256_XTS as u8, null_mut()), 0);
            assert_eq!(prepare_mode(FSCRYPT_MODE_AES_256_XTS as u8, null_mut()), 0);
            assert!(!is_prepared(FSCRYPT_MODE_AES_256_CTS as u8));
            assert_eq!(
                prepare_mode(FSCRYPT_MODE_AES_256_CTS as u8, null_mut()),
                EINVAL.to_errno()
            );
        }
        assert!(matches!(open_mode(FSCRYPT_MODE_AES_256_CTS), Err(EINVAL)));
    }

    /// A source that is longer than the destination, and begins in mid-bio.
    #[test]
    fn round_trip() -> Result {
        let nonce = fscrypt_extent_nonce { bytes: [7; 16] };
        let src = TestBio::new(&[(0, 4096), (0, 4096), (0, 4096)])?;
        let dst = TestBio::new(&[(0, 4096)])?;
        let data = pattern(3 * 4096)?;

        src.write(&data)?;
        // SAFETY: What is passed is valid.
        unsafe {
            assert_eq!(prepare_mode(FSCRYPT_MODE_AES_256_XTS as u8, null_mut()), 0);
            kernel::bindings::__bio_advance(src.as_ptr(), 4096);
            let handle = open_mode(FSCRYPT_MODE_AES_256_XTS)?;

            assert!(same_key(handle, handle));
            assert_eq!(
                encrypt(
                    handle,
                    &nonce,
                    0,
                    src.as_ptr(),
                    &src.iter(),
                    dst.as_ptr(),
                    null_mut()
                ),
                0
            );
            assert!(dst.read()?[..] != data[4096..8192]);
            assert_eq!(decrypt(handle, &nonce, 0, dst.as_ptr(), &dst.iter()), 0);
            close(handle);
        }
        assert!(dst.read()?[..] == data[4096..8192]);
        Ok(())
    }

    fn open_authenticated(inode: u8, direct_key: bool) -> Result<*mut fscrypt_extent_handle> {
        open_with(fscrypt_extent_open_args {
            mode: FSCRYPT_MODE_AES_256_XTS as u8,
            direct_key,
            authenticated: true,
            block_bits: 12,
            inode_nonce: fscrypt_extent_nonce { bytes: [inode; 16] },
            ..Default::default()
        })
    }

    /// Blocks and places are told from others, and nothing is encrypted without tags.
    #[test]
    fn authenticated() -> Result {
        let nonce = fscrypt_extent_nonce { bytes: [7; 16] };
        let place = Place {
            nonce,
            window_end: 1,
            ..Default::default()
        };
        let bio = TestBio::new(&[(0, 4096)])?;
        let mut tag = Tag::default();
        let mut place_tag = Tag::default();

        bio.write(&pattern(4096)?)?;
        // SAFETY: What is passed is valid.
        unsafe {
            assert_eq!(prepare_mode(FSCRYPT_MODE_AES_256_XTS as u8, null_mut()), 0);
            let page = (*(*bio.as_ptr()).bi_io_vec).bv_page;
            let (a, b) = (open_authenticated(1, false)?, open_authenticated(2, false)?);
            let plain = open_mode(FSCRYPT_MODE_AES_256_XTS)?;
            let encrypt = |handle, tags| {
                encrypt(
                    handle,
                    &nonce,
                    4096,
                    bio.as_ptr(),
                    &bio.iter(),
                    bio.as_ptr(),
                    tags,
                )
            };

            assert!(open_authenticated(1, true).is_err());
            assert!(same_key(a, b) && !same_key(a, plain));
            assert_eq!(encrypt(a, null_mut()), EINVAL.to_errno());
            assert_eq!(encrypt(plain, &mut tag), EINVAL.to_errno());
            assert_eq!(encrypt(a, &mut tag), 0);

            let verify =
                |handle, index, offset| verify_block(handle, &nonce, index, page, offset, &tag);
            assert_eq!(verify(a, 1, 0), 0);
            assert_eq!(verify(b, 1, 0), 0);
            assert_eq!(verify(a, 2, 0), EBADMSG.to_errno());
            assert_eq!(verify(a, 1, 512), EINVAL.to_errno());
            assert_eq!(verify(plain, 1, 0), EINVAL.to_errno());

            assert_eq!(tag_place(plain, &place, &mut place_tag), EINVAL.to_errno());
            assert_eq!(tag_place(a, &place, &mut place_tag), 0);
            assert_eq!(verify_place(a, &place, &place_tag), 0);
            assert_eq!(verify_place(b, &place, &place_tag), EBADMSG.to_errno());
            assert_eq!(verify_place(a, &place, &tag), EBADMSG.to_errno());
            for handle in [a, b, plain] {
                close(handle);
            }
        }
        Ok(())
    }
}
