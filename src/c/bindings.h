/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The C interfaces that the crate uses and the kernel crate doesn't bind: input
 * of bindgen.  Each helper_X() is the inline function or macro X(), which
 * bindgen can't bind, as a function.
 */
#ifndef _FSCRYPT_EXTENT_BINDINGS_H
#define _FSCRYPT_EXTENT_BINDINGS_H

#include <crypto/aes.h>
#include <crypto/gf128hash.h>
#include <crypto/skcipher.h>
#include <linux/bio.h>
#include <linux/blk-crypto.h>
#include <linux/crypto.h>
#include <linux/fscrypt.h>
#include <linux/fscrypt_extent.h>
#include <linux/scatterlist.h>
#include <linux/siphash.h>

void helper_memzero_explicit(void *s, size_t count);
int helper_crypto_memneq(const void *a, const void *b, size_t size);
u64 helper_siphash(const void *data, size_t len, const siphash_key_t *key);

void helper_aes_encrypt(const struct aes_enckey *key, u8 *out, const u8 *in);
/* With @len bytes at @offset of @page. */
void helper_polyval_update_page(struct polyval_ctx *ctx, struct page *page,
				u32 offset, u32 len);

bool helper_ratelimit(void);

#if IS_ENABLED(CONFIG_KUNIT)
void helper_set_extent_context(struct fscrypt_extent_context *ctx,
			       const struct fscrypt_extent_nonce *nonce);
int helper_get_extent_context(const u8 *ctx, size_t len,
			      struct fscrypt_extent_nonce *nonce);
#endif

/* With GFP_NOIO, which doesn't fail. */
void helper_bio_crypt_set_ctx(struct bio *bio, const struct blk_crypto_key *key,
			      const u64 dun[BLK_CRYPTO_DUN_ARRAY_SIZE]);

void helper_crypto_free_sync_skcipher(struct crypto_sync_skcipher *tfm);
unsigned int
helper_crypto_sync_skcipher_ivsize(struct crypto_sync_skcipher *tfm);
const char *
helper_crypto_sync_skcipher_driver_name(struct crypto_sync_skcipher *tfm);
void helper_crypto_sync_skcipher_set_flags(struct crypto_sync_skcipher *tfm,
					   u32 flags);
int helper_crypto_sync_skcipher_setkey(struct crypto_sync_skcipher *tfm,
				       const u8 *key, unsigned int keylen);

void helper_skcipher_request_set_sync_tfm(struct skcipher_request *req,
					  struct crypto_sync_skcipher *tfm);
void helper_skcipher_request_set_callback(struct skcipher_request *req,
					  u32 flags, crypto_completion_t compl,
					  void *data);

void helper_trace_fscrypt_extent_open(u8 mode, u64 prk);
void helper_trace_fscrypt_extent_close(u8 mode, u64 prk);
void helper_trace_fscrypt_extent_miss(u8 mode, u64 prk, u32 slot);
void helper_trace_fscrypt_extent_evict(u8 mode, u64 prk, u32 slot);
void helper_trace_fscrypt_extent_wipe(u8 mode, u64 prk, u32 slot);

#endif /* _FSCRYPT_EXTENT_BINDINGS_H */
