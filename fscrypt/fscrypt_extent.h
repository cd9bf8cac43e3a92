/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Per-extent file contents encryption: the interface between the filesystems
 * that need it, fs/crypto, and the engine.
 *
 * A filesystem whose extents are shared by several inodes, or are moved by the
 * filesystem itself, can't use fscrypt's one key per inode.  Instead, each of
 * its extents has a random nonce, and the extent's key is derived from the
 * master key of the inode's encryption policy and that nonce.  fs/crypto keeps
 * doing everything else: policies, the keyring, file names and symlinks.
 *
 * The engine that derives the extents' keys and runs the ciphers is a loadable
 * module, "fscrypt-extent".  It registers one struct fscrypt_extent_ops.
 *
 * On-disk format and key derivation: Documentation/filesystems/fscrypt.rst,
 * "Per-extent encryption keys".
 */
#ifndef _LINUX_FSCRYPT_EXTENT_H
#define _LINUX_FSCRYPT_EXTENT_H

#include <linux/errno.h>
#include <linux/types.h>

struct bio;
struct blk_crypto_key;
struct block_device;
struct bvec_iter;
struct hmac_sha512_key;
struct inode;
struct module;
struct page;
struct super_block;

#define FSCRYPT_EXTENT_NONCE_SIZE	16

/* Identifies an extent within its master key.  Random, stored in the clear. */
struct fscrypt_extent_nonce {
	u8 bytes[FSCRYPT_EXTENT_NONCE_SIZE];
};

/*
 * The version of what is on disk: the format in the low nibble, and in the high
 * one the key epoch, of which there is only 0 so far.
 */
#define FSCRYPT_EXTENT_CONTEXT_V1	1
/* The same for files whose contents are authenticated.  2 and 4 are spoken for. */
#define FSCRYPT_EXTENT_CONTEXT_V3	3

/*
 * The HKDF context of what the engine derives: a private number, until upstream
 * assigns one.  fs/crypto counts its own from 1, and with one of these in common,
 * two subkeys of a master key would be equal.  0xf2 is spoken for, but only in
 * documents.
 */
#define HKDF_CONTEXT_EXTENT_KEY		0xf0
/* The same for contents that are authenticated */
#define HKDF_CONTEXT_EXTENT_AUTH	0xf1

/*
 * What a filesystem stores for each encrypted extent.  Everything else that is
 * needed to decrypt it is in the inode's encryption context.
 */
struct fscrypt_extent_context {
	u8 version;
	struct fscrypt_extent_nonce nonce;
} __packed;

/* Make the context of an extent. */
static inline void fscrypt_set_extent_context(struct fscrypt_extent_context *ctx,
					      const struct fscrypt_extent_nonce *nonce)
{
	ctx->version = FSCRYPT_EXTENT_CONTEXT_V1;
	ctx->nonce = *nonce;
}

/*
 * Validate a context of @len bytes, which may be anything, and get the nonce.
 * Return: 0 or -EUCLEAN
 */
static inline int fscrypt_get_extent_context(const u8 *ctx, size_t len,
					     struct fscrypt_extent_nonce *nonce)
{
	const struct fscrypt_extent_context *context = (const void *)ctx;

	if (len != sizeof(*context) ||
	    context->version != FSCRYPT_EXTENT_CONTEXT_V1)
		return -EUCLEAN;
	*nonce = context->nonce;
	return 0;
}

#define FSCRYPT_EXTENT_TAG_SIZE		16

/* What authenticates a block of an extent, or a place in a file. */
struct fscrypt_extent_tag {
	u8 bytes[FSCRYPT_EXTENT_TAG_SIZE];
};

/* The context of an extent of a file whose contents are authenticated: version 3 */
struct fscrypt_authenticated_extent_context {
	u8 version;
	struct fscrypt_extent_nonce nonce;
	__le32 window_start;
	__le32 window_end;
	struct fscrypt_extent_tag place;
} __packed;

/* A context of any version, of which each begins with its version and the nonce */
union fscrypt_any_extent_context {
	struct fscrypt_extent_context v1;
	struct fscrypt_authenticated_extent_context v3;
};

/* The size of a context of @version in bytes, or 0 if there is no such version. */
static inline size_t fscrypt_extent_context_size(u8 version)
{
	switch (version) {
	case FSCRYPT_EXTENT_CONTEXT_V1:
		return sizeof(struct fscrypt_extent_context);
	case FSCRYPT_EXTENT_CONTEXT_V3:
		return sizeof(struct fscrypt_authenticated_extent_context);
	default:
		return 0;
	}
}

/**
 * struct fscrypt_extent_place - which part of an extent a file shows, and where
 * @nonce: the extent's nonce
 * @base: the byte of the file, modulo 2^64, where the extent's first byte would be
 * @disk_size: size of the extent on disk in bytes if it is compressed, else 0
 * @ram_size: the same of what was compressed
 * @window_start: the first block of the extent that this file may show; if it is
 *		  compressed, of what was compressed
 * @window_end: the first one after it that it may not
 * @compression: how it is compressed, as the filesystem says it, or 0
 *
 * These are the things that stay as they are when the filesystem splits a file's
 * reference to an extent, cuts it short or moves the extent, all without a key.
 */
struct fscrypt_extent_place {
	struct fscrypt_extent_nonce nonce;
	u64 base;
	u64 disk_size;
	u64 ram_size;
	u32 window_start;
	u32 window_end;
	u8 compression;
};

/* Opaque to everybody but the engine; one for each inode in memory. */
struct fscrypt_extent_handle;

/* The same for a device that blk-crypto encrypts for. */
struct fscrypt_extent_device;

/**
 * struct fscrypt_extent_open_args - what an inode's extent handle is made from
 * @sb: the filesystem; handles of different filesystems share no key
 * @kdf: the output of HKDF-Extract of the master key, as an HMAC key.  Never
 *	 all zeroes.
 * @raw_key: the beginning of the master key, @mode's key size long, if the policy
 *	     is v1, else NULL.  With @direct_key, the key to use directly.
 * @mode: contents encryption mode, FSCRYPT_MODE_*
 * @data_unit_bits: log2 of the data unit size in bytes, 9 to PAGE_SHIFT
 * @direct_key: whether the policy has FSCRYPT_POLICY_FLAG_DIRECT_KEY
 * @authenticated: whether contents are authenticated, which excludes @direct_key
 * @block_bits: with @authenticated, log2 of the filesystem's block size in bytes,
 *		@data_unit_bits to PAGE_SHIFT
 * @inode_nonce: with @authenticated, the nonce of the inode's encryption context
 *
 * The engine copies what it needs: no pointer is kept after open returns.
 */
struct fscrypt_extent_open_args {
	const struct super_block *sb;
	const struct hmac_sha512_key *kdf;
	const u8 *raw_key;
	u8 mode;
	u8 data_unit_bits;
	bool direct_key;
	bool authenticated;
	u8 block_bits;
	struct fscrypt_extent_nonce inode_nonce;
};

/**
 * struct fscrypt_extent_ops - the engine
 * @owner: the engine's module.  fs/crypto holds a reference to it for each open handle
 *	   and device, and during each call that takes neither.
 * @is_prepared: whether @prepare_mode has nothing left to do for the FSCRYPT_MODE_*
 *	@mode, with any device.  Any context.
 * @prepare_mode: make encryption and decryption with the FSCRYPT_MODE_* @mode
 *	possible without further allocation.  If @bdev isn't NULL, make
 *	@set_inline_crypt possible too, on any device; @bdev is an open one of
 *	the filesystem.  Idempotent; cheap when already done.  Sleeps, allocates
 *	with GFP_KERNEL and may load modules, so no lock that I/O, eviction or
 *	key setup can wait for may be held.
 *	Returns 0, -ENOPKG if the cipher is unavailable, -EINVAL if @mode isn't
 *	a contents mode, -ENOMEM, or -EINTR.
 * @open: make a handle.  @prepare_mode must have succeeded for the mode.
 *	Called with mk_sem or the key's semaphore held for reading; allocates
 *	with GFP_KERNEL, loads no module.
 *	Returns the handle, ERR_PTR(-EINVAL) if @args are impossible, e.g. if
 *	@direct_key is set and the mode's IV has no room for a nonce,
 *	ERR_PTR(-ENOPKG) if the mode wasn't prepared, or ERR_PTR(-ENOMEM).
 * @close: free a handle that is in no use.  Closing the last handle of a master
 *	key wipes everything that was derived from it before returning.  Process
 *	context, possibly in reclaim: allocates nothing, and sleeps for nothing
 *	but the locks of blk-crypto and tasks that are setting another key in
 *	place of one to be wiped, which allocate nothing either.
 * @same_key: whether extents of one handle can be read through the other, i.e.
 *	whether an extent can be shared by the two inodes.  Any context.
 * @encrypt: encrypt all that @dst's own iterator covers from @src at @src_iter
 *	to the pages of @dst, which may be those of @src.  @pos is the byte
 *	position of the first byte in the extent's data unit space.  It must be
 *	a multiple of the data unit size, and no data unit may cross a page.
 *	If contents are authenticated, both are to be whole blocks, and @tags is
 *	set to the tags of the blocks; else it is NULL.
 * @decrypt: decrypt what @iter covers of @bio, in place.
 *
 * @encrypt and @decrypt sleep until a cipher is free, and allocate no memory.
 * They hold no cipher on return.
 * They return 0, -EINVAL if something isn't aligned or out of range, or -EIO if the
 * cipher failed.  On error the output is undefined and must not be used: it
 * must neither be written to disk nor be given to a reader.
 *
 * @verify_block: check that block @index of the extent, counted as data units are,
 *	has ciphertext that @encrypt made, at @offset in @page, and the tag that it
 *	made with it.  Any context.
 * @tag_place: make the tag of @place in the inode.  Any context.
 * @verify_place: check that @tag is what @tag_place makes.  Any context.
 *
 * These three return 0, -EINVAL if contents aren't authenticated, and the verifying ones
 * -EBADMSG if somebody else than a holder of the key made what is checked.
 *
 * What these operations refuse with -EINVAL only a bug can have asked for.  It
 * is logged, rate-limited.
 *
 * @open_device: make keys for @set_inline_crypt on @bdev, which stays open until
 *	@close_device returned.  Sleeps, allocates with GFP_KERNEL.
 *	Returns the device, or ERR_PTR(-ENOMEM).
 * @close_device: have blk-crypto forget all keys that @device, on which no new I/O
 *	is going to start, has, and free it.  Sleeps until I/O that is under way
 *	has ended, and its keys were put.
 * @set_inline_crypt: have blk-crypto encrypt or decrypt @bio, whose iterator is
 *	set, with the same result as @encrypt or @decrypt.  It is to be submitted
 *	to @device with blk_crypto_submit_bio().  @prepare_mode must have been
 *	called with a device of the filesystem before @handle was made.  Sleeps,
 *	but doesn't wait for keys, nor allocate in a way that could fail, and
 *	recurses into neither filesystem nor I/O if called in a NOFS scope.
 *	Returns a positive number that stands for the key; -EBUSY if no key is
 *	idle; or -EINVAL if something isn't aligned, out of range, or wasn't
 *	prepared.  On error, @encrypt or @decrypt has to be used.
 * @put_inline_key: end the use of @key, which @set_inline_crypt returned, when
 *	the bio has ended, and before the inode's handle is closed.  Process
 *	context; takes only a spinlock.
 */
struct fscrypt_extent_ops {
	struct module *owner;
	bool (*is_prepared)(u8 mode);
	int (*prepare_mode)(u8 mode, struct block_device *bdev);
	struct fscrypt_extent_handle *
		(*open)(const struct fscrypt_extent_open_args *args);
	void (*close)(struct fscrypt_extent_handle *handle);
	bool (*same_key)(const struct fscrypt_extent_handle *a,
			 const struct fscrypt_extent_handle *b);
	int (*encrypt)(const struct fscrypt_extent_handle *handle,
		       const struct fscrypt_extent_nonce *nonce, u64 pos,
		       struct bio *src, const struct bvec_iter *src_iter,
		       struct bio *dst, struct fscrypt_extent_tag *tags);
	int (*decrypt)(const struct fscrypt_extent_handle *handle,
		       const struct fscrypt_extent_nonce *nonce, u64 pos,
		       struct bio *bio, const struct bvec_iter *iter);
	int (*verify_block)(const struct fscrypt_extent_handle *handle,
			    const struct fscrypt_extent_nonce *nonce, u64 index,
			    struct page *page, unsigned int offset,
			    const struct fscrypt_extent_tag *tag);
	int (*tag_place)(const struct fscrypt_extent_handle *handle,
			 const struct fscrypt_extent_place *place,
			 struct fscrypt_extent_tag *tag);
	int (*verify_place)(const struct fscrypt_extent_handle *handle,
			    const struct fscrypt_extent_place *place,
			    const struct fscrypt_extent_tag *tag);
	struct fscrypt_extent_device *
		(*open_device)(struct block_device *bdev);
	void (*close_device)(struct fscrypt_extent_device *device);
	int (*set_inline_crypt)(const struct fscrypt_extent_handle *handle,
				const struct fscrypt_extent_device *device,
				const struct fscrypt_extent_nonce *nonce,
				u64 pos, struct bio *bio);
	void (*put_inline_key)(const struct fscrypt_extent_device *device,
			       int key);
};

/* For the engine */
int fscrypt_register_extent_ops(const struct fscrypt_extent_ops *ops);
void fscrypt_unregister_extent_ops(const struct fscrypt_extent_ops *ops);
bool fscrypt_has_inline_hardware(struct block_device *bdev,
				 const struct blk_crypto_key *key);

/* For filesystems */
#ifdef CONFIG_FS_ENCRYPTION
bool fscrypt_authenticates_contents(const struct inode *inode);
#else
static inline bool fscrypt_authenticates_contents(const struct inode *inode)
{
	return false;
}
#endif

/* The same, with CONFIG_FS_ENCRYPTION only */
bool fscrypt_is_authenticated_context(const void *ctx, size_t len);
void fscrypt_request_extent_engine(struct super_block *sb);
bool fscrypt_needs_stable_contents(const struct inode *inode);
bool fscrypt_have_same_extent_key(const struct inode *a, const struct inode *b);
int fscrypt_new_extent_nonce(const struct inode *inode,
			     struct fscrypt_extent_nonce *nonce);
int fscrypt_parse_extent_context(const struct inode *inode,
				 const union fscrypt_any_extent_context *ctx,
				 size_t len, struct fscrypt_extent_place *place);
int fscrypt_make_extent_context(const struct inode *inode,
				const struct fscrypt_extent_place *place,
				union fscrypt_any_extent_context *ctx);
int fscrypt_encrypt_extent_bio(const struct inode *inode,
			       const struct fscrypt_extent_nonce *nonce,
			       u64 pos, struct bio *src,
			       const struct bvec_iter *src_iter,
			       struct bio *dst,
			       struct fscrypt_extent_tag *tags);
int fscrypt_verify_extent_block(const struct inode *inode,
				const struct fscrypt_extent_nonce *nonce,
				u64 index, struct page *page,
				unsigned int offset,
				const struct fscrypt_extent_tag *tag);
int fscrypt_decrypt_extent_bio(const struct inode *inode,
			       const struct fscrypt_extent_nonce *nonce,
			       u64 pos, struct bio *bio,
			       const struct bvec_iter *iter);
struct fscrypt_extent_device *
fscrypt_open_extent_device(struct block_device *bdev);
void fscrypt_close_extent_device(struct fscrypt_extent_device *device);
int fscrypt_set_inline_extent_crypt(const struct inode *inode,
				    const struct fscrypt_extent_device *device,
				    const struct fscrypt_extent_nonce *nonce,
				    u64 pos, struct bio *bio);
void fscrypt_put_inline_extent_key(const struct inode *inode,
				   const struct fscrypt_extent_device *device,
				   int key);

#endif /* _LINUX_FSCRYPT_EXTENT_H */
