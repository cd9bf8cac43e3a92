// SPDX-License-Identifier: GPL-2.0-only
/*
 * Inline functions and macros of the kernel, as functions for Rust to call.
 */

#include <crypto/utils.h>
#include <linux/highmem.h>
#include <linux/ratelimit.h>
#include <linux/siphash.h>
#include <linux/string.h>

#include "bindings.h"

#define CREATE_TRACE_POINTS
#include "../trace.h"

void helper_memzero_explicit(void *s, size_t count)
{
	memzero_explicit(s, count);
}

int helper_crypto_memneq(const void *a, const void *b, size_t size)
{
	return crypto_memneq(a, b, size);
}

u64 helper_siphash(const void *data, size_t len, const siphash_key_t *key)
{
	return siphash(data, len, key);
}

void helper_aes_encrypt(const struct aes_enckey *key, u8 *out, const u8 *in)
{
	aes_encrypt(key, out, in);
}

void helper_polyval_update_page(struct polyval_ctx *ctx, struct page *page,
				u32 offset, u32 len)
{
	const u8 *data = kmap_local_page(page);

	polyval_update(ctx, data + offset, len);
	kunmap_local(data);
}

/* One limit for all of the module's messages about failed I/O. */
bool helper_ratelimit(void)
{
	static DEFINE_RATELIMIT_STATE(limit, DEFAULT_RATELIMIT_INTERVAL,
				      DEFAULT_RATELIMIT_BURST);

	return __ratelimit(&limit);
}

#if IS_ENABLED(CONFIG_KUNIT)
void helper_set_extent_context(struct fscrypt_extent_context *ctx,
			       const struct fscrypt_extent_nonce *nonce)
{
	fscrypt_set_extent_context(ctx, nonce);
}

int helper_get_extent_context(const u8 *ctx, size_t len,
			      struct fscrypt_extent_nonce *nonce)
{
	return fscrypt_get_extent_context(ctx, len, nonce);
}
#endif

void helper_bio_crypt_set_ctx(struct bio *bio, const struct blk_crypto_key *key,
			      const u64 dun[BLK_CRYPTO_DUN_ARRAY_SIZE])
{
	bio_crypt_set_ctx(bio, key, dun, GFP_NOIO);
}

void helper_crypto_free_sync_skcipher(struct crypto_sync_skcipher *tfm)
{
	crypto_free_sync_skcipher(tfm);
}

unsigned int
helper_crypto_sync_skcipher_ivsize(struct crypto_sync_skcipher *tfm)
{
	return crypto_sync_skcipher_ivsize(tfm);
}

const char *
helper_crypto_sync_skcipher_driver_name(struct crypto_sync_skcipher *tfm)
{
	return crypto_skcipher_driver_name(&tfm->base);
}

void helper_crypto_sync_skcipher_set_flags(struct crypto_sync_skcipher *tfm,
					   u32 flags)
{
	crypto_sync_skcipher_set_flags(tfm, flags);
}

int helper_crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *tfm,
				       const u8 *key, unsigned int keylen)
{
	return crypto_sync_skcipher_setkey(tfm, key, keylen);
}

void helper_skcipher_request_set_sync_tfm(struct skcipher_request *req,
					  struct crypto_sync_skcipher *tfm)
{
	skcipher_request_set_sync_tfm(req, tfm);
}

void helper_skcipher_request_set_callback(struct skcipher_request *req,
					  u32 flags, crypto_completion_t compl,
					  void *data)
{
	skcipher_request_set_callback(req, flags, compl, data);
}

void helper_trace_fscrypt_extent_open(u8 mode, u64 prk)
{
	trace_fscrypt_extent_open(mode, prk);
}

void helper_trace_fscrypt_extent_close(u8 mode, u64 prk)
{
	trace_fscrypt_extent_close(mode, prk);
}

void helper_trace_fscrypt_extent_miss(u8 mode, u64 prk, u32 slot)
{
	trace_fscrypt_extent_miss(mode, prk, slot);
}

void helper_trace_fscrypt_extent_evict(u8 mode, u64 prk, u32 slot)
{
	trace_fscrypt_extent_evict(mode, prk, slot);
}

void helper_trace_fscrypt_extent_wipe(u8 mode, u64 prk, u32 slot)
{
	trace_fscrypt_extent_wipe(mode, prk, slot);
}
