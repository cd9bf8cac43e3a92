// SPDX-License-Identifier: GPL-2.0-only
/*
 * AES-XTS whose setkey waits, while the parameter hold is set, before it replaces the
 * old key, and which is as slow as the parameter delay_us says.  Tests look at what else
 * happens meanwhile.
 *
 * The key and the data go to the implementation that would be used without this one.
 */

#include <crypto/internal/skcipher.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/wait.h>

static DECLARE_WAIT_QUEUE_HEAD(released);
static bool hold;

static int hold_set(const char *value, const struct kernel_param *kp)
{
	int ret = param_set_bool(value, kp);

	wake_up_all(&released);
	return ret;
}

static const struct kernel_param_ops hold_ops = {
	.set = hold_set,
	.get = param_get_bool,
};

module_param_cb(hold, &hold_ops, &hold, 0644);
MODULE_PARM_DESC(hold, "Whether setkey waits");

static atomic_t held;

static int held_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(&held));
}

static const struct kernel_param_ops held_ops = { .get = held_get };

module_param_cb(held, &held_ops, NULL, 0444);
MODULE_PARM_DESC(held, "Number of tasks that wait in setkey");

static unsigned int delay_us;
module_param(delay_us, uint, 0644);
MODULE_PARM_DESC(delay_us, "How long each request takes at least");

struct held_xts {
	struct crypto_skcipher *real;
};

static int held_xts_setkey(struct crypto_skcipher *tfm, const u8 *key, unsigned int size)
{
	struct held_xts *xts = crypto_skcipher_ctx(tfm);

	if (READ_ONCE(hold)) {
		atomic_inc(&held);
		wait_event(released, !READ_ONCE(hold));
		atomic_dec(&held);
	}
	crypto_skcipher_clear_flags(xts->real, CRYPTO_TFM_REQ_MASK);
	crypto_skcipher_set_flags(xts->real, crypto_skcipher_get_flags(tfm) & CRYPTO_TFM_REQ_MASK);
	return crypto_skcipher_setkey(xts->real, key, size);
}

static struct skcipher_request *real_request(struct skcipher_request *req)
{
	struct held_xts *xts = crypto_skcipher_ctx(crypto_skcipher_reqtfm(req));
	struct skcipher_request *real = skcipher_request_ctx(req);

	if (delay_us)
		usleep_range(delay_us, 2 * delay_us);
	skcipher_request_set_tfm(real, xts->real);
	skcipher_request_set_callback(real, req->base.flags, NULL, NULL);
	skcipher_request_set_crypt(real, req->src, req->dst, req->cryptlen, req->iv);
	return real;
}

static int held_xts_encrypt(struct skcipher_request *req)
{
	return crypto_skcipher_encrypt(real_request(req));
}

static int held_xts_decrypt(struct skcipher_request *req)
{
	return crypto_skcipher_decrypt(real_request(req));
}

static int held_xts_init(struct crypto_skcipher *tfm)
{
	struct held_xts *xts = crypto_skcipher_ctx(tfm);

	/* Not this one, nor one that allocates, as the engine takes none that does. */
	xts->real = crypto_alloc_skcipher("xts(aes)", 0, CRYPTO_ALG_NEED_FALLBACK |
					  CRYPTO_ALG_ASYNC | CRYPTO_ALG_ALLOCATES_MEMORY);
	if (IS_ERR(xts->real))
		return PTR_ERR(xts->real);
	crypto_skcipher_set_reqsize(tfm, sizeof(struct skcipher_request) +
				    crypto_skcipher_reqsize(xts->real));
	return 0;
}

static void held_xts_exit(struct crypto_skcipher *tfm)
{
	struct held_xts *xts = crypto_skcipher_ctx(tfm);

	crypto_free_skcipher(xts->real);
}

static struct skcipher_alg held_xts = {
	.base = {
		.cra_name = "xts(aes)",
		.cra_driver_name = "held-xts-aes",
		.cra_priority = 10000,
		.cra_flags = CRYPTO_ALG_NEED_FALLBACK,
		.cra_blocksize = 16,
		.cra_ctxsize = sizeof(struct held_xts),
		.cra_module = THIS_MODULE,
	},
	.init = held_xts_init,
	.exit = held_xts_exit,
	.setkey = held_xts_setkey,
	.encrypt = held_xts_encrypt,
	.decrypt = held_xts_decrypt,
	.min_keysize = 32,
	.max_keysize = 64,
	.ivsize = 16,
};

static int __init held_xts_module_init(void)
{
	return crypto_register_skcipher(&held_xts);
}
module_init(held_xts_module_init);

static void __exit held_xts_module_exit(void)
{
	crypto_unregister_skcipher(&held_xts);
}
module_exit(held_xts_module_exit);

MODULE_DESCRIPTION("AES-XTS whose setkey waits");
MODULE_LICENSE("GPL");
