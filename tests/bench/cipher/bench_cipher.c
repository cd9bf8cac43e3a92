// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the cipher alone costs: one request for 4,096 bytes, AES-256-XTS, the
 * implementation that dm-crypt and fscrypt get too.  Not to be had from user
 * space: AF_ALG adds system calls and copies, and a cipher without the FPU
 * section and the scatterlist walk isn't what a filesystem pays for.
 *
 * And what an extent whose key isn't in the cache costs besides: deriving the key
 * with HKDF-SHA512, and setting it.
 *
 * The results are parameters of the loaded module, in nanoseconds, which in a
 * guest that counts instructions are instructions.
 */

#include <crypto/sha2.h>
#include <crypto/skcipher.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#define REPEAT	1000

static ulong cipher;
module_param(cipher, ulong, 0444);
MODULE_PARM_DESC(cipher, "result: mean time of a request");

static ulong derivation;
module_param(derivation, ulong, 0444);
MODULE_PARM_DESC(derivation, "result: mean time to derive a key");

static ulong setkey;
module_param(setkey, ulong, 0444);
MODULE_PARM_DESC(setkey, "result: mean time to set a key");

static ulong mean_since(u64 start)
{
	return div_u64(ktime_get_ns() - start, REPEAT);
}

static int measure_cipher(struct skcipher_request *req)
{
	const u64 start = ktime_get_ns();
	int ret = 0;
	int i;

	for (i = 0; i < REPEAT && !ret; i++)
		ret = crypto_skcipher_encrypt(req);
	cipher = mean_since(start);
	return ret;
}

/* HKDF-Expand of one block, with an info string as long as an extent key's. */
static void measure_derivation(u8 key[SHA512_DIGEST_SIZE])
{
	static const u8 info[9 + 16 + 1];
	struct hmac_sha512_key prk;
	struct hmac_sha512_ctx hmac;
	u64 start;
	int i;

	hmac_sha512_preparekey(&prk, info, sizeof(info));
	start = ktime_get_ns();
	for (i = 0; i < REPEAT; i++) {
		hmac_sha512_init(&hmac, &prk);
		hmac_sha512_update(&hmac, info, sizeof(info));
		hmac_sha512_final(&hmac, key);
	}
	derivation = mean_since(start);
}

static int measure_setkey(struct crypto_skcipher *tfm,
			  const u8 key[SHA512_DIGEST_SIZE])
{
	const u64 start = ktime_get_ns();
	int ret = 0;
	int i;

	for (i = 0; i < REPEAT && !ret; i++)
		ret = crypto_skcipher_setkey(tfm, key, SHA512_DIGEST_SIZE);
	setkey = mean_since(start);
	return ret;
}

static int __init bench_cipher_init(void)
{
	struct skcipher_request *req = NULL;
	struct crypto_skcipher *tfm;
	u8 key[SHA512_DIGEST_SIZE];
	struct scatterlist sg;
	u8 *page = NULL;
	u8 iv[16] = {};
	int ret;

	tfm = crypto_alloc_skcipher("xts(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	/* As fscrypt does: it makes setting a key compare its halves. */
	crypto_skcipher_set_flags(tfm, CRYPTO_TFM_REQ_FORBID_WEAK_KEYS);
	measure_derivation(key);
	ret = measure_setkey(tfm, key);
	if (ret)
		goto out;
	ret = -ENOMEM;
	page = (u8 *)get_zeroed_page(GFP_KERNEL);
	req = skcipher_request_alloc(tfm, GFP_KERNEL);
	if (!page || !req)
		goto out;
	sg_init_one(&sg, page, PAGE_SIZE);
	skcipher_request_set_crypt(req, &sg, &sg, PAGE_SIZE, iv);
	ret = measure_cipher(req);
out:
	skcipher_request_free(req);
	free_page((unsigned long)page);
	crypto_free_skcipher(tfm);
	return ret;
}

static void __exit bench_cipher_exit(void)
{
}

module_init(bench_cipher_init);
module_exit(bench_cipher_exit);
MODULE_DESCRIPTION("Measures AES-256-XTS and the derivation of its keys");
MODULE_LICENSE("GPL");
