// SPDX-License-Identifier: GPL-2.0-only
/*
 * RAM disks with inline encryption hardware, for tests of -o inlinecrypt.
 *
 * They are named inline0, inline1 and so on.  Each has an AES-256-XTS engine with
 * a few keyslots, which encrypts on the way to the disk's memory and decrypts on
 * the way back; I/O without an encryption context passes as it is.  What the
 * memory holds can be read from a further disk, inline0raw and so on, while inline0
 * is mounted.
 *
 * A request whose keyslot has another key than its bios ask for fails, and is
 * counted as stale: somebody freed or changed a key without evicting it.  What is
 * done to the keyslots of a disk that nobody has open is counted as late: it
 * refers to a device that may be gone.
 */

#include <crypto/skcipher.h>
#include <linux/blk-crypto-profile.h>
#include <linux/blk-mq.h>
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/scatterlist.h>
#include <linux/vmalloc.h>

#define MAX_DISKS	16
#define MAX_KEYSLOTS	64

static unsigned int disks = 1;
module_param(disks, uint, 0444);
MODULE_PARM_DESC(disks, "Number of disks, 1 to 16");

static unsigned int megabytes = 256;
module_param(megabytes, uint, 0444);
MODULE_PARM_DESC(megabytes, "Size of each disk");

static unsigned int keyslots = 4;
module_param(keyslots, uint, 0444);
MODULE_PARM_DESC(keyslots, "Number of keyslots of each disk, 1 to 64");

static unsigned int program_delay_ms;
module_param(program_delay_ms, uint, 0644);
MODULE_PARM_DESC(program_delay_ms, "How long it takes to program a keyslot");

static unsigned int evict_delay_ms;
module_param(evict_delay_ms, uint, 0644);
MODULE_PARM_DESC(evict_delay_ms, "How long it takes to evict a key");

static bool hold_writers;
module_param(hold_writers, bool, 0644);
MODULE_PARM_DESC(hold_writers, "While set, a write that has ended keeps its submitter");

/* Of all disks together, to be read. */
static atomic_t encrypted, decrypted, plain, programmed, evicted, evicting, stale, late;
static atomic_t returning;

static int counter_get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%d\n", atomic_read(kp->arg));
}

static const struct kernel_param_ops counter_ops = { .get = counter_get };

module_param_cb(encrypted, &counter_ops, &encrypted, 0444);
MODULE_PARM_DESC(encrypted, "Number of requests encrypted");
module_param_cb(decrypted, &counter_ops, &decrypted, 0444);
MODULE_PARM_DESC(decrypted, "Number of requests decrypted");
module_param_cb(plain, &counter_ops, &plain, 0444);
MODULE_PARM_DESC(plain, "Number of requests without an encryption context");
module_param_cb(programmed, &counter_ops, &programmed, 0444);
MODULE_PARM_DESC(programmed, "Number of keys programmed into keyslots");
module_param_cb(evicted, &counter_ops, &evicted, 0444);
MODULE_PARM_DESC(evicted, "Number of keys evicted from keyslots");
module_param_cb(evicting, &counter_ops, &evicting, 0444);
MODULE_PARM_DESC(evicting, "Number of keys that are being evicted now");
module_param_cb(stale, &counter_ops, &stale, 0444);
MODULE_PARM_DESC(stale, "Number of requests that found another key in their keyslot");
module_param_cb(late, &counter_ops, &late, 0444);
MODULE_PARM_DESC(late, "Number of keys programmed or evicted on a disk that wasn't open");
module_param_cb(returning, &counter_ops, &returning, 0444);
MODULE_PARM_DESC(returning, "Number of submitters that ended writes keep now");

struct keyslot {
	struct crypto_sync_skcipher *tfm;
	/* What it was programmed with; of size 0 if evicted. */
	struct blk_crypto_key key;
};

struct disk {
	u8 *memory;
	struct blk_crypto_profile profile;
	struct keyslot slots[MAX_KEYSLOTS];
	struct blk_mq_tag_set tag_set;
	struct gendisk *gendisk, *raw;
};

static struct disk *all[MAX_DISKS];

static int held_get(char *buffer, const struct kernel_param *kp)
{
	unsigned int i, slot, held;
	int len = 0;

	for (i = 0; i < disks; i++) {
		held = 0;
		for (slot = 0; slot < keyslots; slot++)
			held += all[i]->slots[slot].key.size != 0;
		len += sysfs_emit_at(buffer, len, "%u%c", held, i < disks - 1 ? ' ' : '\n');
	}
	return len;
}

static const struct kernel_param_ops held_ops = { .get = held_get };

module_param_cb(held, &held_ops, NULL, 0444);
MODULE_PARM_DESC(held, "Number of keyslots of each disk that have a key now");

/* Take the time that the operation is to need. */
static void take_time(struct blk_crypto_profile *profile, unsigned int ms)
{
	struct disk *disk = container_of(profile, struct disk, profile);

	if (ms)
		msleep(ms);
	if (!disk_openers(disk->gendisk))
		atomic_inc(&late);
}

static int program_keyslot(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			   unsigned int slot)
{
	struct keyslot *keyslot = &container_of(profile, struct disk, profile)->slots[slot];

	atomic_inc(&programmed);
	take_time(profile, READ_ONCE(program_delay_ms));
	keyslot->key = *key;
	return crypto_sync_skcipher_setkey(keyslot->tfm, key->bytes, key->size);
}

static int evict_keyslot(struct blk_crypto_profile *profile, const struct blk_crypto_key *key,
			 unsigned int slot)
{
	struct keyslot *keyslot = &container_of(profile, struct disk, profile)->slots[slot];

	atomic_inc(&evicted);
	atomic_inc(&evicting);
	take_time(profile, READ_ONCE(evict_delay_ms));
	memzero_explicit(&keyslot->key, sizeof(keyslot->key));
	atomic_dec(&evicting);
	return 0;
}

/* En- or decrypt @len bytes, which are within a page, in place. */
static int crypt(struct keyslot *keyslot, bool encrypt, u64 *dun, u8 *data, unsigned int len)
{
	SYNC_SKCIPHER_REQUEST_ON_STACK(request, keyslot->tfm);
	const unsigned int unit = keyslot->key.crypto_cfg.data_unit_size;
	struct scatterlist sg;
	int err;

	if (len % unit)
		return -EINVAL;
	for (; len; len -= unit, data += unit, dun[0]++) {
		__le64 iv[2] = { cpu_to_le64(dun[0]), cpu_to_le64(dun[1]) };

		sg_init_one(&sg, data, unit);
		skcipher_request_set_callback(request, CRYPTO_TFM_REQ_MAY_SLEEP, NULL, NULL);
		skcipher_request_set_crypt(request, &sg, &sg, unit, iv);
		err = encrypt ? crypto_skcipher_encrypt(request) : crypto_skcipher_decrypt(request);
		if (err)
			return err;
	}
	return 0;
}

static blk_status_t transfer(struct disk *disk, struct request *rq)
{
	const bool write = op_is_write(req_op(rq));
	u8 *memory = disk->memory + (blk_rq_pos(rq) << SECTOR_SHIFT);
	struct keyslot *keyslot = NULL;
	u64 dun[BLK_CRYPTO_DUN_ARRAY_SIZE];
	struct req_iterator iter;
	struct bio_vec bv;
	u8 *page;

	if (rq->crypt_ctx) {
		keyslot = &disk->slots[blk_crypto_keyslot_index(rq->crypt_keyslot)];
		memcpy(dun, rq->crypt_ctx->bc_dun, sizeof(dun));
		if (memcmp(&keyslot->key, rq->crypt_ctx->bc_key, sizeof(keyslot->key))) {
			atomic_inc(&stale);
			return BLK_STS_IOERR;
		}
		page = (u8 *)__get_free_page(GFP_NOIO);
		if (!page)
			return BLK_STS_RESOURCE;
		atomic_inc(write ? &encrypted : &decrypted);
	} else {
		atomic_inc(&plain);
	}

	/* In segments, which don't cross pages. */
	rq_for_each_segment(bv, rq, iter) {
		if (!keyslot && write) {
			memcpy_from_bvec(memory, &bv);
		} else if (!keyslot) {
			memcpy_to_bvec(&bv, memory);
		} else {
			u8 *data = page + bv.bv_offset;

			/* The plaintext never is in the disk's memory. */
			if (write)
				memcpy_from_bvec(data, &bv);
			else
				memcpy(data, memory, bv.bv_len);
			if (crypt(keyslot, write, dun, data, bv.bv_len)) {
				free_page((unsigned long)page);
				return BLK_STS_IOERR;
			}
			if (write)
				memcpy(memory, data, bv.bv_len);
			else
				memcpy_to_bvec(&bv, data);
		}
		memory += bv.bv_len;
	}
	if (keyslot)
		free_page((unsigned long)page);
	return BLK_STS_OK;
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx, const struct blk_mq_queue_data *bd)
{
	struct request *rq = bd->rq;
	const bool hold = req_op(rq) == REQ_OP_WRITE && READ_ONCE(hold_writers);
	blk_status_t status = BLK_STS_OK;

	blk_mq_start_request(rq);
	if (req_op(rq) == REQ_OP_READ || req_op(rq) == REQ_OP_WRITE)
		status = transfer(hctx->queue->tag_set->driver_data, rq);
	else if (req_op(rq) != REQ_OP_FLUSH)
		status = BLK_STS_NOTSUPP;
	blk_mq_end_request(rq, status);
	if (hold) {
		atomic_inc(&returning);
		while (READ_ONCE(hold_writers))
			msleep(20);
		atomic_dec(&returning);
	}
	return BLK_STS_OK;
}

static const struct blk_mq_ops mq_ops = { .queue_rq = queue_rq };

static const struct block_device_operations disk_ops = { .owner = THIS_MODULE };

static struct gendisk *add_disk_of(struct disk *disk, unsigned int number, const char *suffix)
{
	/* Requests must not be split within data units. */
	struct queue_limits limits = {
		.max_hw_sectors = 512,
		.dma_alignment = SECTOR_SIZE - 1,
	};
	struct gendisk *gendisk = blk_mq_alloc_disk(&disk->tag_set, &limits, disk);
	int err;

	if (IS_ERR(gendisk))
		return gendisk;
	gendisk->fops = &disk_ops;
	gendisk->flags |= GENHD_FL_NO_PART;
	snprintf(gendisk->disk_name, sizeof(gendisk->disk_name), "inline%u%s", number, suffix);
	set_capacity(gendisk, (sector_t)megabytes << (20 - SECTOR_SHIFT));
	if (!*suffix && !blk_crypto_register(&disk->profile, gendisk->queue))
		err = -EINVAL;
	else
		err = add_disk(gendisk);
	if (err) {
		put_disk(gendisk);
		return ERR_PTR(err);
	}
	return gendisk;
}

static void free_disk(struct disk *disk)
{
	unsigned int i;

	if (!IS_ERR_OR_NULL(disk->raw)) {
		del_gendisk(disk->raw);
		put_disk(disk->raw);
	}
	if (!IS_ERR_OR_NULL(disk->gendisk)) {
		del_gendisk(disk->gendisk);
		put_disk(disk->gendisk);
	}
	if (disk->tag_set.tags)
		blk_mq_free_tag_set(&disk->tag_set);
	if (disk->profile.num_slots)
		blk_crypto_profile_destroy(&disk->profile);
	for (i = 0; i < keyslots; i++)
		if (!IS_ERR_OR_NULL(disk->slots[i].tfm))
			crypto_free_sync_skcipher(disk->slots[i].tfm);
	vfree(disk->memory);
	kfree_sensitive(disk);
}

static int make_disk(struct disk *disk, unsigned int number)
{
	unsigned int i;
	int err;

	disk->memory = vzalloc((size_t)megabytes << 20);
	if (!disk->memory)
		return -ENOMEM;

	for (i = 0; i < keyslots; i++) {
		disk->slots[i].tfm = crypto_alloc_sync_skcipher("xts(aes)", 0, 0);
		if (IS_ERR(disk->slots[i].tfm))
			return PTR_ERR(disk->slots[i].tfm);
	}
	err = blk_crypto_profile_init(&disk->profile, keyslots);
	if (err)
		return err;
	disk->profile.ll_ops.keyslot_program = program_keyslot;
	disk->profile.ll_ops.keyslot_evict = evict_keyslot;
	disk->profile.max_dun_bytes_supported = 8;
	disk->profile.key_types_supported = BLK_CRYPTO_KEY_TYPE_RAW;
	disk->profile.modes_supported[BLK_ENCRYPTION_MODE_AES_256_XTS] =
		512 | 1024 | 2048 | 4096;

	disk->tag_set.ops = &mq_ops;
	disk->tag_set.nr_hw_queues = 1;
	disk->tag_set.queue_depth = 32;
	disk->tag_set.numa_node = NUMA_NO_NODE;
	/* Allocating the page sleeps. */
	disk->tag_set.flags = BLK_MQ_F_BLOCKING;
	disk->tag_set.driver_data = disk;
	err = blk_mq_alloc_tag_set(&disk->tag_set);
	if (err)
		return err;

	disk->gendisk = add_disk_of(disk, number, "");
	if (IS_ERR(disk->gendisk))
		return PTR_ERR(disk->gendisk);
	disk->raw = add_disk_of(disk, number, "raw");
	return PTR_ERR_OR_ZERO(disk->raw);
}

static void inline_disk_exit(void)
{
	unsigned int i;

	for (i = 0; i < MAX_DISKS; i++)
		if (all[i])
			free_disk(all[i]);
}
module_exit(inline_disk_exit);

static int __init inline_disk_init(void)
{
	unsigned int i;
	int err = 0;

	if (!disks || disks > MAX_DISKS || !keyslots || keyslots > MAX_KEYSLOTS || !megabytes) {
		pr_err("inline_disk: disks must be 1 to %u, keyslots 1 to %u\n", MAX_DISKS,
		       MAX_KEYSLOTS);
		return -EINVAL;
	}
	for (i = 0; i < disks && !err; i++) {
		all[i] = kzalloc_obj(*all[i]);
		err = all[i] ? make_disk(all[i], i) : -ENOMEM;
	}
	if (err)
		inline_disk_exit();
	return err;
}
module_init(inline_disk_init);

MODULE_DESCRIPTION("RAM disks with inline encryption hardware");
MODULE_LICENSE("GPL");
