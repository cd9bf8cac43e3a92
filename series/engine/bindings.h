/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What helpers.c has for Rust; bindings.rs declares it there.
 */
#ifndef _FSCRYPT_EXTENT_BINDINGS_H
#define _FSCRYPT_EXTENT_BINDINGS_H

#include <linux/blk-crypto.h>
#include <linux/fscrypt.h>
#include <linux/fscrypt_extent.h>
#include <linux/types.h>

bool helper_ratelimit(void);

/* With GFP_NOIO, which doesn't fail. */
void helper_bio_crypt_set_ctx(struct bio *bio, const struct blk_crypto_key *key,
			      const u64 dun[BLK_CRYPTO_DUN_ARRAY_SIZE]);

#if IS_ENABLED(CONFIG_KUNIT)
void helper_set_extent_context(struct fscrypt_extent_context *ctx,
			       const struct fscrypt_extent_nonce *nonce);
int helper_get_extent_context(const u8 *ctx, size_t len,
			      struct fscrypt_extent_nonce *nonce);
#endif

void helper_trace_fscrypt_extent_open(u8 mode, u64 prk);
void helper_trace_fscrypt_extent_close(u8 mode, u64 prk);
void helper_trace_fscrypt_extent_miss(u8 mode, u64 prk, u32 slot);
void helper_trace_fscrypt_extent_evict(u8 mode, u64 prk, u32 slot);
void helper_trace_fscrypt_extent_wipe(u8 mode, u64 prk, u32 slot);

#endif /* _FSCRYPT_EXTENT_BINDINGS_H */
