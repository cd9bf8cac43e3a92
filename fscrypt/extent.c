// SPDX-License-Identifier: GPL-2.0-only
/*
 * Per-extent file contents encryption.
 *
 * This file connects three parties.  The filesystem knows its extents and their
 * nonces.  fs/crypto, i.e. the rest of this directory, knows policies and master
 * keys.  The engine, a module that registers a struct fscrypt_extent_ops, knows
 * how to derive the extents' keys and to use them.
 *
 * The regular files of such a filesystem have no key of their own.  Instead,
 * their fscrypt_inode_info has a handle of the engine from the time it is set up
 * to the time it is freed.  All handles of a master key share what their extents'
 * keys are derived from, and it is wiped when the last of them is closed.  So
 * after FS_IOC_REMOVE_ENCRYPTION_KEY the files that are still open can be read
 * and written, as with per-file keys, and nothing else can be done with what is
 * left of the master key.
 *
 * Lock order: the master key's mk_sem, or the semaphore of a key in a process
 * keyring, is held while a handle is opened.  Nothing that I/O, eviction or key
 * setup could wait for is held while the engine is requested and while it
 * prepares a mode.  A handle may be closed wherever an inode may be evicted.
 */

#include <linux/bio.h>
#include <linux/blk-crypto.h>
#include <linux/blkdev.h>
#include <linux/export.h>
#include <linux/file.h>
#include <linux/kmod.h>
#include <linux/module.h>
#include <linux/random.h>
#include <linux/unaligned.h>

#include "fscrypt_private.h"

static const struct fscrypt_extent_ops __rcu *fscrypt_extent_ops;
static DEFINE_MUTEX(fscrypt_extent_ops_mutex);
/* An int, as some architectures have xchg() for nothing smaller. */
static int fscrypt_extent_engine_missed;
/* Whether an open has looked for an engine in vain. */
static bool fscrypt_extent_engine_sought;

/**
 * fscrypt_register_extent_ops() - register the engine of per-extent encryption
 * @ops: the engine's operations; must stay valid until unregistered
 *
 * Context: process context.
 * Return: 0, or -EBUSY if there is an engine already.
 */
int fscrypt_register_extent_ops(const struct fscrypt_extent_ops *ops)
{
	guard(mutex)(&fscrypt_extent_ops_mutex);

	if (rcu_access_pointer(fscrypt_extent_ops))
		return -EBUSY;
	rcu_assign_pointer(fscrypt_extent_ops, ops);
	WRITE_ONCE(fscrypt_extent_engine_missed, 0);
	WRITE_ONCE(fscrypt_extent_engine_sought, false);
	return 0;
}
EXPORT_SYMBOL_GPL(fscrypt_register_extent_ops);

/**
 * fscrypt_unregister_extent_ops() - unregister the engine
 * @ops: what was registered
 *
 * To be called when the engine's module is unloaded.  Each open handle has a
 * reference to the module, so there is none left by then.
 *
 * Context: process context, sleeps for an RCU grace period.
 */
void fscrypt_unregister_extent_ops(const struct fscrypt_extent_ops *ops)
{
	guard(mutex)(&fscrypt_extent_ops_mutex);

	if (WARN_ON_ONCE(rcu_access_pointer(fscrypt_extent_ops) != ops))
		return;
	RCU_INIT_POINTER(fscrypt_extent_ops, NULL);
	synchronize_rcu();
}
EXPORT_SYMBOL_GPL(fscrypt_unregister_extent_ops);

/* Get the engine and a reference to its module, or NULL. */
static const struct fscrypt_extent_ops *fscrypt_get_extent_ops(void)
{
	const struct fscrypt_extent_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(fscrypt_extent_ops);
	if (ops && !try_module_get(ops->owner))
		ops = NULL;
	return ops;
}

static bool fscrypt_lacks_extent_engine(const struct super_block *sb)
{
	return sb->s_cop && sb->s_cop->has_per_extent_encryption &&
	       !rcu_access_pointer(fscrypt_extent_ops);
}

/**
 * fscrypt_request_extent_engine() - load the engine if @sb needs it
 * @sb: a filesystem that may use per-extent encryption
 *
 * Whether it worked shows when the engine is needed.  To be called where no lock
 * is held that reading a file, and so modprobe, could wait for.
 *
 * Context: process context, may sleep for long.
 */
void fscrypt_request_extent_engine(struct super_block *sb)
{
	if (fscrypt_lacks_extent_engine(sb))
		request_module("fscrypt-extent");
}
EXPORT_SYMBOL_GPL(fscrypt_request_extent_engine);

/*
 * The same for an open.  Nothing that could bring the engine precedes it, and who
 * may open a file may do so for ever.  So when one open has looked for the engine
 * in vain, the others don't.
 *
 * That is noted only afterwards: an open meanwhile would else fail though the
 * engine is on its way.
 */
void fscrypt_request_extent_engine_once(struct super_block *sb)
{
	if (!fscrypt_lacks_extent_engine(sb) ||
	    READ_ONCE(fscrypt_extent_engine_sought))
		return;
	fscrypt_request_extent_engine(sb);
	if (fscrypt_lacks_extent_engine(sb))
		WRITE_ONCE(fscrypt_extent_engine_sought, true);
}

static void fscrypt_warn_missing_engine(const struct inode *inode)
{
	if (!xchg(&fscrypt_extent_engine_missed, 1))
		fscrypt_warn(inode,
			     "Missing engine for per-extent encryption (module \"fscrypt-extent\")");
}

/*
 * Check that an engine is there, so that regular files can be created in a
 * directory that is about to get an encryption policy.
 */
int fscrypt_check_extent_engine(const struct inode *inode)
{
	if (!fscrypt_lacks_extent_engine(inode->i_sb))
		return 0;
	fscrypt_warn_missing_engine(inode);
	return -ENOPKG;
}

/*
 * Make sure that a handle can be opened for @ci.  This may load crypto modules
 * and allocates all ciphers of the mode, so it comes before the master key is
 * locked: modprobe may have to read a file that is encrypted with that key.
 */
int fscrypt_get_extent_engine(struct fscrypt_inode_info *ci)
{
	const u8 mode = ci->ci_mode - fscrypt_modes;
	struct super_block *sb = ci->ci_inode->i_sb;
	struct file *bdev_file __free(fput) = NULL;
	const struct fscrypt_extent_ops *ops;
	int err;

	if (!fscrypt_inode_uses_extent_keys(ci->ci_inode))
		return 0;
	ops = fscrypt_get_extent_ops();
	if (!ops) {
		fscrypt_warn_missing_engine(ci->ci_inode);
		return -ENOPKG;
	}
	if (!ops->is_prepared(mode)) {
		if (IS_ENABLED(CONFIG_BLOCK) && sb->s_cop->get_inline_crypt_device)
			bdev_file = sb->s_cop->get_inline_crypt_device(sb);
		err = ops->prepare_mode(mode, IS_ENABLED(CONFIG_BLOCK) && bdev_file ?
					      file_bdev(bdev_file) : NULL);
		if (err) {
			module_put(ops->owner);
			return err;
		}
	}
	ci->ci_extent_ops = ops;
	ci->ci_has_extent_engine = true;
	return 0;
}

static int fscrypt_open_extent_handle(struct fscrypt_inode_info *ci,
				      const struct hmac_sha512_key *kdf,
				      const u8 *raw_key)
{
	struct fscrypt_extent_open_args args = {
		.sb = ci->ci_inode->i_sb,
		.kdf = kdf,
		.raw_key = raw_key,
		.mode = ci->ci_mode - fscrypt_modes,
		.data_unit_bits = ci->ci_data_unit_bits,
		.direct_key = fscrypt_policy_flags(&ci->ci_policy) &
			      FSCRYPT_POLICY_FLAG_DIRECT_KEY,
		.authenticated = fscrypt_policy_flags(&ci->ci_policy) &
				 FSCRYPT_POLICY_FLAG_AUTHENTICATED,
		.block_bits = ci->ci_inode->i_blkbits,
	};
	struct fscrypt_extent_handle *handle;

	memcpy(args.inode_nonce.bytes, ci->ci_nonce, FSCRYPT_FILE_NONCE_SIZE);
	handle = ci->ci_extent_ops->open(&args);
	if (IS_ERR(handle))
		return PTR_ERR(handle);
	ci->ci_extent_handle = handle;
	return 0;
}

/* Set up the handle of a file with a v2 policy.  Needs mk->mk_sem. */
int fscrypt_setup_v2_extent_key(struct fscrypt_inode_info *ci,
				const struct fscrypt_master_key *mk)
{
	return fscrypt_open_extent_handle(ci, &mk->mk_secret.hkdf, NULL);
}

/*
 * Set up the handle of a file with a v1 policy, whose master key isn't prepared
 * for HKDF.  As everywhere in v1, only as much of the master key is used as the
 * mode needs, so it makes no difference which keyring it comes from.
 */
int fscrypt_setup_v1_extent_key(struct fscrypt_inode_info *ci,
				const u8 *raw_master_key)
{
	struct hmac_sha512_key kdf;
	int err;

	fscrypt_init_hkdf(&kdf, raw_master_key, ci->ci_mode->keysize);
	err = fscrypt_open_extent_handle(ci, &kdf, raw_master_key);
	memzero_explicit(&kdf, sizeof(kdf));
	return err;
}

/*
 * Undo fscrypt_get_extent_engine() and whatever followed.  May be called in
 * reclaim.  It comes before the inode lets go of its master key, so that the key
 * isn't reported as absent before what came from it is wiped.
 */
void fscrypt_put_extent_info(struct fscrypt_inode_info *ci)
{
	if (ci->ci_extent_handle)
		ci->ci_extent_ops->close(ci->ci_extent_handle);
	module_put(ci->ci_extent_ops->owner);
}

/* Get the info of an inode that has a handle, or NULL if its key isn't there. */
static const struct fscrypt_inode_info *
fscrypt_get_extent_info(const struct inode *inode)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_inode_info(inode);

	return ci && ci->ci_has_extent_engine ? ci : NULL;
}

/**
 * fscrypt_have_same_extent_key() - whether two files can share extents
 * @a: an inode
 * @b: another inode of the same filesystem
 *
 * Comparing policies isn't enough: the key with a given v1 descriptor can have
 * been replaced by another while the one file was open.
 *
 * Context: any.
 * Return: %true if the keys of both are set up, and an extent written through
 *	   one reads the same through the other
 */
bool fscrypt_have_same_extent_key(const struct inode *a, const struct inode *b)
{
	const struct fscrypt_inode_info *ci_a = fscrypt_get_extent_info(a);
	const struct fscrypt_inode_info *ci_b = fscrypt_get_extent_info(b);

	return ci_a && ci_b && ci_a->ci_extent_ops == ci_b->ci_extent_ops &&
	       fscrypt_policies_equal(&ci_a->ci_policy, &ci_b->ci_policy) &&
	       ci_a->ci_extent_ops->same_key(ci_a->ci_extent_handle,
					     ci_b->ci_extent_handle);
}
EXPORT_SYMBOL_GPL(fscrypt_have_same_extent_key);

/**
 * fscrypt_needs_stable_contents() - whether contents mustn't change while encrypted
 * @inode: an encrypted regular file that is open
 *
 * A wide-block cipher reads its input twice.
 *
 * Context: any.
 * Return: %false if the caller may encrypt from memory that others write to meanwhile:
 *	   what comes out is then some mixture of old and new contents
 */
bool fscrypt_needs_stable_contents(const struct inode *inode)
{
	return fscrypt_get_inode_info_raw(inode)->ci_mode ==
	       &fscrypt_modes[FSCRYPT_MODE_ADIANTUM];
}
EXPORT_SYMBOL_GPL(fscrypt_needs_stable_contents);

/**
 * fscrypt_new_extent_nonce() - get the nonce for a new extent
 * @inode: the encrypted regular file that the extent is written by
 * @nonce: (output) the nonce
 *
 * Context: any.
 * Return: 0, or -ENOKEY if the inode's key isn't set up
 */
int fscrypt_new_extent_nonce(const struct inode *inode,
			     struct fscrypt_extent_nonce *nonce)
{
	if (!fscrypt_get_extent_info(inode))
		return -ENOKEY;
	/* From the CPU's batch, so cheaper than get_random_bytes() */
	put_unaligned(get_random_u64(), (u64 *)nonce->bytes);
	put_unaligned(get_random_u64(), (u64 *)(nonce->bytes + sizeof(u64)));
	return 0;
}
EXPORT_SYMBOL_GPL(fscrypt_new_extent_nonce);

/**
 * fscrypt_authenticates_contents() - whether a file's contents are authenticated
 * @inode: an inode
 *
 * Context: any.
 * Return: %true if @inode is a regular file whose key is set up, and whose policy
 *	   has FSCRYPT_POLICY_FLAG_AUTHENTICATED
 */
bool fscrypt_authenticates_contents(const struct inode *inode)
{
	const struct fscrypt_inode_info *ci;

	if (!fscrypt_needs_contents_encryption(inode))
		return false;
	ci = fscrypt_get_extent_info(inode);
	return ci && (fscrypt_policy_flags(&ci->ci_policy) &
		      FSCRYPT_POLICY_FLAG_AUTHENTICATED);
}
EXPORT_SYMBOL_GPL(fscrypt_authenticates_contents);

/**
 * fscrypt_is_authenticated_context() - whether an inode's context is authenticated
 * @ctx: the context that fscrypt_operations::set_context was called with
 * @len: its length in bytes
 *
 * So that a filesystem can note that there may be tags.
 *
 * Context: any.
 * Return: %true if the policy has FSCRYPT_POLICY_FLAG_AUTHENTICATED
 */
bool fscrypt_is_authenticated_context(const void *ctx, size_t len)
{
	const union fscrypt_context *c = ctx;

	return len == sizeof(c->v2) && c->version == FSCRYPT_CONTEXT_V2 &&
	       c->v2.flags & FSCRYPT_POLICY_FLAG_AUTHENTICATED;
}
EXPORT_SYMBOL_GPL(fscrypt_is_authenticated_context);

/**
 * fscrypt_parse_extent_context() - get what an extent's context has
 * @inode: the encrypted regular file that has the extent
 * @ctx: the context as found on disk
 * @len: its length in bytes, of which @ctx has as many as it has room for
 * @place: the nonce is set.  If contents are authenticated, so is the window;
 *	   all else is an input then, and is verified.
 *
 * Context: any.
 * Return: 0; -ENOKEY if the inode's key isn't set up; -EUCLEAN if the context
 *	   isn't valid, or not of a version that the inode has; or -EBADMSG if
 *	   somebody without the key has put the extent, or this window, there
 */
int fscrypt_parse_extent_context(const struct inode *inode,
				 const union fscrypt_any_extent_context *ctx,
				 size_t len, struct fscrypt_extent_place *place)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	if (!ci)
		return -ENOKEY;
	if (!fscrypt_authenticates_contents(inode))
		return fscrypt_get_extent_context((const u8 *)ctx, len,
						  &place->nonce);
	if (len != sizeof(ctx->v3) || ctx->v3.version != FSCRYPT_EXTENT_CONTEXT_V3)
		return -EUCLEAN;
	place->nonce = ctx->v3.nonce;
	place->window_start = le32_to_cpu(ctx->v3.window_start);
	place->window_end = le32_to_cpu(ctx->v3.window_end);
	return ci->ci_extent_ops->verify_place(ci->ci_extent_handle, place,
					       &ctx->v3.place);
}
EXPORT_SYMBOL_GPL(fscrypt_parse_extent_context);

/**
 * fscrypt_make_extent_context() - make the context of an extent
 * @inode: the encrypted regular file that is to have the extent
 * @place: the nonce and, if contents are authenticated, all else
 * @ctx: (output) the context
 *
 * Context: any.
 * Return: the size of the context in bytes; or -ENOKEY if the inode's key isn't
 *	   set up, which can't be if the inode has got the nonce
 */
int fscrypt_make_extent_context(const struct inode *inode,
				const struct fscrypt_extent_place *place,
				union fscrypt_any_extent_context *ctx)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);
	int err;

	if (!ci)
		return -ENOKEY;
	if (!fscrypt_authenticates_contents(inode)) {
		fscrypt_set_extent_context(&ctx->v1, &place->nonce);
		return sizeof(ctx->v1);
	}
	ctx->v3.version = FSCRYPT_EXTENT_CONTEXT_V3;
	ctx->v3.nonce = place->nonce;
	ctx->v3.window_start = cpu_to_le32(place->window_start);
	ctx->v3.window_end = cpu_to_le32(place->window_end);
	err = ci->ci_extent_ops->tag_place(ci->ci_extent_handle, place,
					   &ctx->v3.place);
	return err ?: sizeof(ctx->v3);
}
EXPORT_SYMBOL_GPL(fscrypt_make_extent_context);

/**
 * fscrypt_encrypt_extent_bio() - encrypt part of an extent
 * @inode: the file that the extent is written by
 * @nonce: the extent's nonce
 * @pos: position of the first byte in the extent's data unit space; a multiple
 *	 of the filesystem's block size
 * @src: the bio with the plaintext
 * @src_iter: where in @src to begin; not changed
 * @dst: the bio for the ciphertext.  All that its own iterator covers is
 *	 written.  May be @src.
 * @tags: (output) the tags of the blocks if contents are authenticated, else NULL
 *
 * Context: may sleep until a cipher is free.  Allocates no memory.
 * Return: 0 or a negative errno, on which @dst must not be written to disk
 */
int fscrypt_encrypt_extent_bio(const struct inode *inode,
			       const struct fscrypt_extent_nonce *nonce,
			       u64 pos, struct bio *src,
			       const struct bvec_iter *src_iter,
			       struct bio *dst,
			       struct fscrypt_extent_tag *tags)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	if (WARN_ON_ONCE(!ci))
		return -ENOKEY;
	return ci->ci_extent_ops->encrypt(ci->ci_extent_handle, nonce, pos, src,
					  src_iter, dst, tags);
}
EXPORT_SYMBOL_GPL(fscrypt_encrypt_extent_bio);

/**
 * fscrypt_verify_extent_block() - check a block of ciphertext against its tag
 * @inode: a file whose contents are authenticated
 * @nonce: the nonce of the extent that the block is of
 * @index: index of the block in the extent
 * @page: the page with the block
 * @offset: where in @page it begins
 * @tag: the tag
 *
 * Context: any.
 * Return: 0, -EBADMSG if the block or the tag isn't what the inode's key made, or
 *	   another negative errno, on which the block must not be used either
 */
int fscrypt_verify_extent_block(const struct inode *inode,
				const struct fscrypt_extent_nonce *nonce,
				u64 index, struct page *page,
				unsigned int offset,
				const struct fscrypt_extent_tag *tag)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	if (WARN_ON_ONCE(!ci))
		return -ENOKEY;
	return ci->ci_extent_ops->verify_block(ci->ci_extent_handle, nonce, index,
					       page, offset, tag);
}
EXPORT_SYMBOL_GPL(fscrypt_verify_extent_block);

/**
 * fscrypt_decrypt_extent_bio() - decrypt part of an extent in place
 * @inode: the file that the extent is read by
 * @nonce: the extent's nonce
 * @pos: position of the first byte in the extent's data unit space; a multiple
 *	 of the filesystem's block size
 * @bio: the bio whose pages have the ciphertext
 * @iter: what to decrypt of @bio; not changed
 *
 * The inode must not be freed before this returned.
 *
 * Context: as fscrypt_encrypt_extent_bio().
 * Return: 0 or a negative errno, on which the read must fail
 */
int fscrypt_decrypt_extent_bio(const struct inode *inode,
			       const struct fscrypt_extent_nonce *nonce,
			       u64 pos, struct bio *bio,
			       const struct bvec_iter *iter)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	if (WARN_ON_ONCE(!ci))
		return -ENOKEY;
	return ci->ci_extent_ops->decrypt(ci->ci_extent_handle, nonce, pos, bio,
					  iter);
}
EXPORT_SYMBOL_GPL(fscrypt_decrypt_extent_bio);

/**
 * fscrypt_open_extent_device() - make keys for blk-crypto on a device
 * @bdev: an open device of a filesystem, which stays open until
 *	  fscrypt_close_extent_device()
 *
 * Context: process context, may sleep, allocates with GFP_KERNEL
 * Return: the device, for fscrypt_set_inline_extent_crypt(); NULL if there is no
 *	   engine; or ERR_PTR(-ENOMEM)
 */
struct fscrypt_extent_device *
fscrypt_open_extent_device(struct block_device *bdev)
{
	const struct fscrypt_extent_ops *ops = fscrypt_get_extent_ops();
	struct fscrypt_extent_device *device;

	if (!ops)
		return NULL;
	device = ops->open_device(bdev);
	if (IS_ERR(device))
		module_put(ops->owner);
	return device;
}
EXPORT_SYMBOL_GPL(fscrypt_open_extent_device);

/**
 * fscrypt_close_extent_device() - make blk-crypto forget all keys on a device
 * @device: what fscrypt_open_extent_device() returned, or NULL.  No new I/O is
 *	    started on it.
 *
 * Context: process context, sleeps until I/O that is under way has ended
 */
void fscrypt_close_extent_device(struct fscrypt_extent_device *device)
{
	const struct fscrypt_extent_ops *ops;

	if (!device)
		return;
	/* @device has a reference to the engine, so that is still registered. */
	ops = rcu_dereference_protected(fscrypt_extent_ops, true);
	ops->close_device(device);
	module_put(ops->owner);
}
EXPORT_SYMBOL_GPL(fscrypt_close_extent_device);

/**
 * fscrypt_set_inline_extent_crypt() - have blk-crypto encrypt or decrypt
 * @inode: the file that is written or read
 * @device: the device that @bio is going to be submitted to, or NULL
 * @nonce: the extent's nonce
 * @pos: position of the first byte in the extent's data unit space; a multiple
 *	 of the filesystem's block size
 * @bio: the bio, whose iterator is set.  To be submitted with
 *	 blk_crypto_submit_bio().
 *
 * Only for filesystems with fscrypt_operations::get_inline_crypt_device, when
 * that has returned a device for this inode's filesystem.
 *
 * Context: may sleep, but doesn't wait for I/O unless there is no memory: see
 *	    bio_crypt_set_ctx().  Doesn't allocate in a way that could fail; to be
 *	    called in a NOFS scope.
 * Return: a positive number that stands for the key, which must be put when @bio
 *	   has ended; or a negative errno, e.g. -EBUSY if no key of the device is
 *	   idle.  Then @bio is as it was, and fscrypt_encrypt_extent_bio() or
 *	   fscrypt_decrypt_extent_bio() has to be used.
 */
int fscrypt_set_inline_extent_crypt(const struct inode *inode,
				    const struct fscrypt_extent_device *device,
				    const struct fscrypt_extent_nonce *nonce,
				    u64 pos, struct bio *bio)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	if (WARN_ON_ONCE(!ci))
		return -ENOKEY;
	if (!device)
		return -EBUSY;
	return ci->ci_extent_ops->set_inline_crypt(ci->ci_extent_handle, device,
						   nonce, pos, bio);
}
EXPORT_SYMBOL_GPL(fscrypt_set_inline_extent_crypt);

/**
 * fscrypt_put_inline_extent_key() - end the use of a key by a bio
 * @inode: the inode that fscrypt_set_inline_extent_crypt() was called with
 * @device: the device that it was called with
 * @key: what it returned
 *
 * Context: process context, doesn't sleep
 */
void fscrypt_put_inline_extent_key(const struct inode *inode,
				   const struct fscrypt_extent_device *device,
				   int key)
{
	const struct fscrypt_inode_info *ci = fscrypt_get_extent_info(inode);

	ci->ci_extent_ops->put_inline_key(device, key);
}
EXPORT_SYMBOL_GPL(fscrypt_put_inline_extent_key);

#ifdef CONFIG_BLOCK
/**
 * fscrypt_has_inline_hardware() - whether a device itself encrypts with a key
 * @bdev: the device
 * @key: the key
 *
 * For the engine, to count with: blk-crypto doesn't export this.
 *
 * Context: any
 * Return: %false if blk-crypto-fallback does
 */
bool fscrypt_has_inline_hardware(struct block_device *bdev,
				 const struct blk_crypto_key *key)
{
	return blk_crypto_config_supported_natively(bdev, &key->crypto_cfg);
}
EXPORT_SYMBOL_GPL(fscrypt_has_inline_hardware);
#endif
