// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the cipher alone costs: one request for 4,096 bytes, AES-256-XTS, the
 * implementation that dm-crypt and fscrypt get too.  Not to be had from user
 * space: AF_ALG adds system calls and copies, and a cipher without the FPU
 * section and the scatterlist walk isn't what a filesystem pays for.
 *
 * The result is the parameter "nanoseconds" of the loaded module, which in a
 * guest that counts instructions are instructions.
 */

#include <crypto/skcipher.h>
#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/scatterlist.h>

#define REQUESTS	1000

static ulong nanoseconds;
module_param(nanoseconds, ulong, 0444);
MODULE_PARM_DESC(nanoseconds, "result: mean time of a request");

static int measure(struct skcipher_request *req)
{
	const u64 start = ktime_get_ns();
	int ret = 0;
	int i;

	for (i = 0; i < REQUESTS && !ret; i++)
		ret = crypto_skcipher_encrypt(req);
	nanoseconds = div_u64(ktime_get_ns() - start, REQUESTS);
	return ret;
}

static int __init bench_cipher_init(void)
{
	/* The halves of an XTS key must differ. */
	static const u8 key[64] = { 1 };
	struct skcipher_request *req = NULL;
	struct crypto_skcipher *tfm;
	struct scatterlist sg;
	u8 *page = NULL;
	u8 iv[16] = {};
	int ret;

	tfm = crypto_alloc_skcipher("xts(aes)", 0, CRYPTO_ALG_ASYNC);
	if (IS_ERR(tfm))
		return PTR_ERR(tfm);
	ret = crypto_skcipher_setkey(tfm, key, sizeof(key));
	if (ret)
		goto out;
	ret = -ENOMEM;
	page = (u8 *)get_zeroed_page(GFP_KERNEL);
	req = skcipher_request_alloc(tfm, GFP_KERNEL);
	if (!page || !req)
		goto out;
	sg_init_one(&sg, page, PAGE_SIZE);
	skcipher_request_set_crypt(req, &sg, &sg, PAGE_SIZE, iv);
	ret = measure(req);
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
MODULE_DESCRIPTION("Measures the time of an AES-256-XTS request");
MODULE_LICENSE("GPL");
