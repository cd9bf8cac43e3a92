// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encryption of file contents with one key per extent.
 *
 * An extent of an encrypted regular file has a random nonce, stored in each file
 * extent item that refers to it.  The nonce, and the address that the extent's
 * data units are counted from, follow the data down to the bios as a struct
 * btrfs_extent_crypt: from the file extent item to the extent map and to the
 * read bio, and from the new extent to the ordered extent and the write bio.
 *
 * Data is encrypted when a write bio enters btrfs_submit_bbio(), and decrypted
 * when a read bio has been verified and, if necessary, repaired.  So everything
 * below, i.e. checksums, mirrors, parity, repair, scrub and device replace, knows
 * nothing but ciphertext and needs no key.  Large I/O is cut into pieces, which
 * several CPUs encrypt or decrypt at once.
 *
 * A write whose ordered extent has no nonce is failed.  There is no way from a
 * missing nonce, key or handle to plaintext on disk.
 *
 * With the mount option inlinecrypt, some bios go another way: see inline-crypt.c.
 */

#include <linux/bio.h>
#include <linux/blk-cgroup.h>
#include <linux/blkdev.h>
#include <linux/ioprio.h>
#include <linux/kthread.h>
#include <linux/mempool.h>
#include <linux/sched/mm.h>
#include <linux/workqueue.h>
#include "accessors.h"
#include "async-thread.h"
#include "bio.h"
#include "btrfs_inode.h"
#include "ctree.h"
#include "extent-crypt.h"
#include "messages.h"
#include "ordered-data.h"
#include "volumes.h"

/*
 * A write of at least this many bytes is encrypted by a worker.  Else one CPU would
 * encrypt all that one task writes, or that one file's writeback does.
 */
#define BTRFS_ENCRYPT_ASYNC_SIZE	SZ_64K

/*
 * What the bounce bios of a filesystem, and the parts that its reads are split into,
 * are made of when memory is short.
 *
 * They have it until their I/O ends, and that may need a write to another
 * filesystem, which a loop device is on.  So each filesystem has its own.
 *
 * The reserve of pages is as large as a piece.  As mempool_alloc_bulk() takes from
 * it all that it needs or waits, and as one that has got its pages waits for
 * nothing but a cipher and the I/O, writers can't block each other with half of it
 * each.
 */
struct btrfs_bounce_pool {
	struct bio_set bios;
	mempool_t pages;
	struct bio_set read_parts;
};

static void free_bounce_pool(struct btrfs_bounce_pool *pool)
{
	bioset_exit(&pool->read_parts);
	mempool_exit(&pool->pages);
	bioset_exit(&pool->bios);
	kfree(pool);
}

/*
 * Give the filesystem a bounce pool, unless it has one.  To be called before there
 * can be encrypted inodes, in process context and not within a transaction.
 *
 * Return: 0 or -ENOMEM
 */
int btrfs_alloc_bounce_pool(struct btrfs_fs_info *fs_info)
{
	struct btrfs_bounce_pool *pool;
	int ret;

	if (READ_ONCE(fs_info->bounce_pool))
		return 0;

	pool = kzalloc_obj(*pool);
	if (!pool)
		return -ENOMEM;
	ret = bioset_init(&pool->bios, BIO_POOL_SIZE, offsetof(struct btrfs_bio, bio),
			  BIOSET_NEED_BVECS);
	if (!ret)
		ret = mempool_init_page_pool(&pool->pages, BTRFS_CRYPT_SIZE >> PAGE_SHIFT, 0);
	if (!ret)
		ret = bioset_init(&pool->read_parts, BIO_POOL_SIZE,
				  offsetof(struct btrfs_bio, bio), 0);
	/* Two directories can get a policy at once. */
	if (ret || cmpxchg(&fs_info->bounce_pool, NULL, pool))
		free_bounce_pool(pool);
	return ret;
}

void btrfs_free_bounce_pool(struct btrfs_fs_info *fs_info)
{
	if (fs_info->bounce_pool)
		free_bounce_pool(fs_info->bounce_pool);
}

/* What the parts of a read from an encrypted extent come from. */
struct bio_set *btrfs_read_part_bioset(struct btrfs_fs_info *fs_info)
{
	return &fs_info->bounce_pool->read_parts;
}

/*
 * Get the nonce for a new extent.
 *
 * @inode:  the inode that writes the extent
 * @bytenr: logical address of the extent's first byte
 * @crypt:  set to what the extent is to be encrypted with, or to nothing if the
 *	    inode's contents aren't encrypted
 *
 * Return: 0, or -ENOKEY if the inode's key isn't set up
 */
int btrfs_new_extent_crypt(struct btrfs_inode *inode, u64 bytenr,
			   struct btrfs_extent_crypt *crypt)
{
	memset(crypt, 0, sizeof(*crypt));
	if (!fscrypt_needs_contents_encryption(&inode->vfs_inode))
		return 0;
	crypt->bytenr = bytenr;
	return fscrypt_new_extent_nonce(&inode->vfs_inode, &crypt->nonce);
}

/*
 * Get what is needed to decrypt an existing extent.
 *
 * @inode: the inode that the file extent item belongs to
 * @path:  where the file extent item is
 * @fi:	   the item, which isn't a hole
 * @disk_bytenr: logical address of the extent, as the item has it
 * @crypt: set to what the extent is encrypted with, or to nothing
 *
 * A file is encrypted as a whole or not at all.  If a plain extent were accepted
 * in an encrypted file, somebody with access to the device could put his data
 * there, and if an encrypted extent were accepted in a plain file, he could have
 * it decrypted.
 *
 * Return: 0; -ENOKEY if the inode's key isn't set up; -EUCLEAN if the item
 *	   doesn't fit the inode or has an invalid context; or -EBADMSG if contents
 *	   are authenticated, and nobody with the key has put the extent there
 */
int btrfs_read_extent_crypt(struct btrfs_inode *inode, const struct btrfs_path *path,
			    const struct btrfs_file_extent_item *fi, u64 disk_bytenr,
			    struct btrfs_extent_crypt *crypt)
{
	const struct extent_buffer *leaf = path->nodes[0];
	const struct btrfs_encrypted_file_extent_item *item = (const void *)fi;
	const bool encrypted = btrfs_file_extent_encryption(leaf, fi);
	struct fscrypt_extent_place place = { };
	union fscrypt_any_extent_context context;
	struct btrfs_key key;
	u32 size;
	int ret = -EUCLEAN;

	memset(crypt, 0, sizeof(*crypt));
	if (encrypted == fscrypt_needs_contents_encryption(&inode->vfs_inode)) {
		if (!encrypted)
			return 0;
		/* The tree checker has made sure of its size. */
		size = btrfs_item_size(leaf, path->slots[0]) - offsetof(typeof(*item), context);
		read_extent_buffer(leaf, &context, (unsigned long)&item->context, size);
		if (fscrypt_authenticates_contents(&inode->vfs_inode)) {
			btrfs_item_key_to_cpu(leaf, &key, path->slots[0]);
			place.base = key.offset - btrfs_file_extent_offset(leaf, fi);
			place.compression = btrfs_file_extent_compression(leaf, fi);
			if (place.compression) {
				place.disk_size = btrfs_file_extent_disk_num_bytes(leaf, fi);
				place.ram_size = btrfs_file_extent_ram_bytes(leaf, fi);
			}
		}
		ret = fscrypt_parse_extent_context(&inode->vfs_inode, &context, size, &place);
		if (ret == 0 && place.window_end) {
			const u32 bits = inode->root->fs_info->sectorsize_bits;
			const u64 first = btrfs_file_extent_offset(leaf, fi) >> bits;
			const u64 count = btrfs_file_extent_num_bytes(leaf, fi) >> bits;

			if (first < place.window_start || first + count > place.window_end)
				ret = -EBADMSG;
		}
	}
	if (ret == 0) {
		crypt->nonce = place.nonce;
		crypt->bytenr = disk_bytenr;
	} else if (ret == -EUCLEAN || ret == -EBADMSG) {
		btrfs_item_key_to_cpu(leaf, &key, path->slots[0]);
		btrfs_err_rl(inode->root->fs_info,
"%s extent in %s file, root=%llu inode=%llu offset=%llu: %s",
			     encrypted ? "encrypted" : "plain",
			     IS_ENCRYPTED(&inode->vfs_inode) ? "encrypted" : "plain",
			     btrfs_root_id(inode->root), key.objectid, key.offset,
			     ret == -EBADMSG ? "authentication failed" :
			     encrypted && IS_ENCRYPTED(&inode->vfs_inode) ?
			     "invalid encryption context" : "must not be mixed");
	}
	return ret;
}

/*
 * Make an item an encrypted one.
 *
 * @inode: the inode that gets the item, and whose key @crypt was made with
 * @file_offset: where in the file, which is the offset of the item's key
 * @crypt: what the extent is encrypted with, if it is
 * @window_start, @window_len: what the inode may show of the extent, or of what is
 *			       compressed in it, in bytes
 * @item:  the item, which has everything else set
 *
 * Return: 0, or -ENOKEY if the inode's key isn't set up
 */
int btrfs_set_stack_extent_crypt(const struct btrfs_inode *inode, u64 file_offset,
				 const struct btrfs_extent_crypt *crypt,
				 u64 window_start, u64 window_len,
				 struct btrfs_encrypted_file_extent_item *item)
{
	const u32 bits = inode->root->fs_info->sectorsize_bits;
	struct fscrypt_extent_place place = {
		.nonce = crypt->nonce,
		.base = file_offset - btrfs_stack_file_extent_offset(&item->fi),
		.window_start = window_start >> bits,
		.window_end = (window_start + window_len) >> bits,
		.compression = btrfs_stack_file_extent_compression(&item->fi),
	};
	int ret;

	if (!crypt->bytenr)
		return 0;
	if (place.compression) {
		place.disk_size = btrfs_stack_file_extent_disk_num_bytes(&item->fi);
		place.ram_size = btrfs_stack_file_extent_ram_bytes(&item->fi);
	}
	ret = fscrypt_make_extent_context(&inode->vfs_inode, &place, &item->context);
	if (ret < 0)
		return ret;
	item->fi.encryption = BTRFS_ENCRYPTION_FSCRYPT;
	item->context_size = cpu_to_le32(ret);
	return 0;
}

/*
 * Make the context of a clone of part of an extent if contents are authenticated.  All
 * others are the same wherever the extent is.
 *
 * @src:  the inode that @fi is of
 * @path: where @fi is
 * @dst:  the inode that gets the clone, which has the same key
 * @file_offset: where in the file
 * @data_offset, @data_len: what is cloned of the extent, or of what is compressed in it,
 *	  in bytes; within what @fi refers to
 * @item: a copy of @fi
 *
 * Return: 0; or an error of btrfs_read_extent_crypt(), as nobody without the key must be
 *	   able to have anything authenticated
 */
int btrfs_clone_stack_extent_crypt(struct btrfs_inode *src, const struct btrfs_path *path,
				   const struct btrfs_file_extent_item *fi,
				   const struct btrfs_inode *dst, u64 file_offset,
				   u64 data_offset, u64 data_len,
				   struct btrfs_encrypted_file_extent_item *item)
{
	struct btrfs_extent_crypt crypt;
	int ret;

	if (!fscrypt_authenticates_contents(&dst->vfs_inode))
		return 0;
	/* Holes have nothing that could be. */
	if (!btrfs_stack_file_extent_disk_bytenr(&item->fi))
		return 0;
	ret = btrfs_read_extent_crypt(src, path, fi,
				      btrfs_stack_file_extent_disk_bytenr(&item->fi), &crypt);
	if (ret)
		return ret;
	btrfs_set_stack_file_extent_offset(&item->fi, data_offset);
	return btrfs_set_stack_extent_crypt(dst, file_offset, &crypt, data_offset, data_len,
					    item);
}

/* Where the tags go of what @iter covers, or NULL. */
static struct fscrypt_extent_tag *tags_of(const struct btrfs_ordered_extent *ordered,
					  const struct bvec_iter *iter)
{
	struct btrfs_ordered_sum *tags = ordered->tags;
	const u64 logical = iter->bi_sector << SECTOR_SHIFT;

	/* The engine refuses to encrypt without. */
	if (!tags || WARN_ON_ONCE(logical < tags->logical ||
				  logical + iter->bi_size > tags->logical + tags->len))
		return NULL;
	return (struct fscrypt_extent_tag *)tags->sums +
	       ((logical - tags->logical) >> ordered->inode->root->fs_info->sectorsize_bits);
}

static void btrfs_free_bounce_bio(struct btrfs_bio *bounce)
{
	struct btrfs_bounce_pool *pool = bounce->inode->root->fs_info->bounce_pool;
	struct bio_vec *bvec;
	int i;

	bio_for_each_bvec_all(bvec, &bounce->bio, i) {
		struct folio *folio = page_folio(bvec->bv_page);

		if (folio_test_large(folio))
			folio_put(folio);
		else
			mempool_free(bvec->bv_page, &pool->pages);
	}
	bio_put(&bounce->bio);
}

static void btrfs_end_bounce_bio(struct btrfs_bio *bounce)
{
	struct btrfs_bio *bbio = bounce->private;
	blk_status_t status = bounce->bio.bi_status;

	btrfs_free_bounce_bio(bounce);
	btrfs_bio_end_io(bbio, status);
}

/*
 * Add @nr_pages pages to @bio, with @len bytes together.  They are one folio if
 * that can be had at once, which costs a fraction.  Does not fail.
 */
static void btrfs_add_bounce_pages(struct btrfs_bounce_pool *pool, struct bio *bio,
				   unsigned int nr_pages, u32 len)
{
	struct folio *folio = folio_alloc((GFP_NOFS & ~__GFP_DIRECT_RECLAIM) |
					  __GFP_NORETRY | __GFP_NOWARN, get_order(len));
	struct page **pages;
	unsigned int nr;

	if (folio) {
		bio_add_folio_nofail(bio, folio, len, 0);
		return;
	}

	/* The end of the bio_vec array isn't used before the last page is added. */
	static_assert(sizeof(struct bio_vec) >= 2 * sizeof(struct page *));
	pages = (struct page **)(bio->bi_io_vec + nr_pages) - nr_pages;
	memset(pages, 0, nr_pages * sizeof(*pages));
	nr = alloc_pages_bulk(GFP_NOFS, nr_pages, pages);
	if (nr < nr_pages)
		mempool_alloc_bulk(&pool->pages, (void **)pages + nr, nr_pages - nr);
	for (nr = 0; nr < nr_pages; nr++) {
		const u32 size = min(len, PAGE_SIZE);

		__bio_add_page(bio, pages[nr], size, 0);
		len -= size;
	}
}

/*
 * Allocate a bio with pages of its own for the part of @bbio at @iter, of which
 * @len, at most BTRFS_CRYPT_SIZE, is the size in bytes, and which ends as a part of
 * @orig.  Does not fail.
 *
 * A function of its own, so that fault injection can tell from the stack that an
 * allocation is one of these, which have reserves.
 */
static noinline struct btrfs_bio *btrfs_alloc_bounce_bio(struct btrfs_bio *bbio,
							 struct btrfs_bio *orig,
							 const struct bvec_iter *iter, u32 len)
{
	struct btrfs_bounce_pool *pool = bbio->inode->root->fs_info->bounce_pool;
	const unsigned int nr_pages = DIV_ROUND_UP(len, PAGE_SIZE);
	const unsigned int nofs_flags = memalloc_nofs_save();
	struct btrfs_bio *bounce;
	struct bio *src = &bbio->bio;
	struct bio *bio;

	bio = bio_alloc_bioset(src->bi_bdev, nr_pages, src->bi_opf, GFP_NOFS, &pool->bios);
	bio->bi_ioprio = src->bi_ioprio;
	bio->bi_write_hint = src->bi_write_hint;
	bio->bi_write_stream = src->bi_write_stream;
	bio->bi_iter.bi_sector = iter->bi_sector;
	if (src->bi_bdev)
		bio_clone_blkg_association(bio, src);

	bounce = btrfs_bio(bio);
	btrfs_bio_init(bounce, bbio->inode,
		       bbio->file_offset + ((iter->bi_sector - src->bi_iter.bi_sector) <<
					    SECTOR_SHIFT),
		       btrfs_end_bounce_bio, orig);
	bounce->has_ciphertext = true;
	btrfs_add_bounce_pages(pool, bio, nr_pages, len);

	memalloc_nofs_restore(nofs_flags);
	return bounce;
}

/*
 * Encrypt a data write and submit it, now.
 *
 * Pages are allocated before the engine is asked for a cipher.  Waiting for pages
 * with a cipher held could deadlock with a writer that waits for the cipher with
 * the pages held.
 */
static void encrypt_and_submit_now(struct btrfs_bio *bbio)
{
	const struct inode *inode = &bbio->inode->vfs_inode;
	struct btrfs_ordered_extent *ordered = bbio->ordered;
	const struct btrfs_extent_crypt *crypt = &ordered->crypt;
	/* What a bio was split from ends when all parts have ended, and so do theirs. */
	struct btrfs_bio *orig = bbio->end_io ? bbio : bbio->private;
	struct bvec_iter iter = bbio->bio.bi_iter;
	struct blk_plug plug;
	int ret = 0;

	if (test_bit(BTRFS_ORDERED_COMPRESSED, &ordered->flags)) {
		ret = fscrypt_encrypt_extent_bio(inode, &crypt->nonce,
						 btrfs_pos_in_extent(crypt, &iter),
						 &bbio->bio, &iter, &bbio->bio,
						 tags_of(ordered, &iter));
		if (ret) {
			btrfs_bio_end_io(bbio, BLK_STS_IOERR);
			return;
		}
		bbio->has_ciphertext = true;
		btrfs_submit_bbio(bbio, 0);
		return;
	}

	/* @bbio itself counts as pending until all its pieces are submitted. */
	blk_start_plug(&plug);
	while (iter.bi_size) {
		const u32 len = min(iter.bi_size, BTRFS_CRYPT_SIZE);
		struct btrfs_bio *bounce = btrfs_alloc_bounce_bio(bbio, orig, &iter, len);

		ret = fscrypt_encrypt_extent_bio(inode, &crypt->nonce,
						 btrfs_pos_in_extent(crypt, &iter),
						 &bbio->bio, &iter, &bounce->bio,
						 tags_of(ordered, &iter));
		if (ret) {
			btrfs_free_bounce_bio(bounce);
			break;
		}
		refcount_inc(&ordered->refs);
		bounce->ordered = ordered;
		atomic_inc(&orig->pending_ios);
		btrfs_submit_bbio(bounce, 0);
		bio_advance_iter(&bbio->bio, &iter, len);
	}
	blk_finish_plug(&plug);
	btrfs_bio_end_io(bbio, ret ? BLK_STS_IOERR : BLK_STS_OK);
}

/*
 * All bios are to be charged to the cgroup of the submitter, also those that are made
 * below, for mirrors.  They are punted, so that the cgroup waits until it may write, and
 * not this worker.
 */
static void btrfs_encrypt_work(struct work_struct *work)
{
	struct btrfs_bio *bbio = container_of(work, struct btrfs_bio, end_io_work);
	struct btrfs_fs_info *fs_info = bbio->inode->root->fs_info;

	bbio->bio.bi_opf |= REQ_BTRFS_CGROUP_PUNT;
	kthread_associate_blkcg(bio_blkcg_css(&bbio->bio));
	/* It was for the cgroup only; the device may be gone by now. */
	bbio->bio.bi_bdev = NULL;
	encrypt_and_submit_now(bbio);
	kthread_associate_blkcg(NULL);
	atomic_dec(&fs_info->nr_encrypt_works);
}

/*
 * Whether no worker may encrypt what is written to the filesystem.
 *
 * The raid-stripe-tree needs one submitter for all bios of an ordered extent.  The
 * bios of a full stripe of RAID5/6 must be in one plug, or they are written one by
 * one, each after reading the rest of the stripe: the submitter's.
 */
bool btrfs_encrypts_in_submitter(const struct btrfs_fs_info *fs_info)
{
	return btrfs_fs_incompat(fs_info, RAID_STRIPE_TREE) ||
	       btrfs_fs_incompat(fs_info, RAID56);
}

/* Have a worker encrypt a data write.  Return false if the submitter has to do so. */
static bool btrfs_encrypt_async(struct btrfs_bio *bbio)
{
	struct btrfs_fs_info *fs_info = bbio->inode->root->fs_info;
	struct bio *bio = &bbio->bio;

	if (btrfs_encrypts_in_submitter(fs_info) ||
	    (bio->bi_iter.bi_size < BTRFS_ENCRYPT_ASYNC_SIZE && !bbio->nowait))
		return false;

	/*
	 * Workers may have to wait for the block layer.  What they have not begun would
	 * wait for what somebody else wrote before, which no submitter has to, unless he
	 * mustn't wait for anything.
	 */
	if (atomic_inc_return(&fs_info->nr_encrypt_works) > fs_info->thread_pool_size &&
	    !bbio->nowait) {
		atomic_dec(&fs_info->nr_encrypt_works);
		return false;
	}

	/* Else they would become those of the worker. */
	if (!bio->bi_bdev)
		bio_set_dev(bio, fs_info->fs_devices->latest_dev->bdev);
	if (IOPRIO_PRIO_CLASS(bio->bi_ioprio) == IOPRIO_CLASS_NONE)
		bio->bi_ioprio = get_current_ioprio();

	/* Nothing else uses it before @bbio itself goes to a device, if it does. */
	INIT_WORK(&bbio->end_io_work, btrfs_encrypt_work);
	queue_work(fs_info->encrypt_workers, &bbio->end_io_work);
	return true;
}

/*
 * Encrypt a data write and submit it to all mirrors, perhaps later.
 *
 * @bbio is ended as if it had been submitted itself.  Its pages are left alone,
 * unless they are those of a compressed extent, which nobody else can see.
 *
 * A worker waits for pages, ciphers and the block layer, none of which needs
 * another encryption worker of the same filesystem.
 */
void btrfs_encrypt_bio(struct btrfs_bio *bbio)
{
	if (WARN_ON_ONCE(!bbio->ordered->crypt.bytenr ||
			 !bbio->inode->root->fs_info->bounce_pool)) {
		btrfs_bio_end_io(bbio, BLK_STS_IOERR);
		return;
	}
	if (!btrfs_encrypt_async(bbio))
		encrypt_and_submit_now(bbio);
}

/*
 * Wait until what is being written of @ordered_extents, linked by log_list, is encrypted,
 * and so has the checksums that fsync is going to log.  Direct and encoded writes can still
 * be with a worker, and who waits for pages doesn't wait for them.
 *
 * The inode is locked, so all of them have been submitted.  Sleeps.
 */
void btrfs_wait_for_encryption(struct btrfs_fs_info *fs_info,
			       const struct list_head *ordered_extents)
{
	const struct btrfs_ordered_extent *ordered;

	list_for_each_entry(ordered, ordered_extents, log_list) {
		if (!ordered->crypt.bytenr ||
		    test_bit(BTRFS_ORDERED_IO_DONE, &ordered->flags))
			continue;
		flush_workqueue(fs_info->encrypt_workers);
		/* Checksums that take long */
		btrfs_flush_workqueue(fs_info->workers);
		return;
	}
}

/*
 * Decrypt a data read, in place.
 *
 * To be called once for each bio that was read from disk, after its checksums
 * have been verified, and before anybody is told that it ended: from then on the
 * inode can be evicted and its key wiped.
 */
blk_status_t btrfs_decrypt_bio(struct btrfs_bio *bbio)
{
	const struct bvec_iter *iter = &bbio->saved_iter;
	int ret;

	ret = fscrypt_decrypt_extent_bio(&bbio->inode->vfs_inode, &bbio->crypt.nonce,
					 btrfs_pos_in_extent(&bbio->crypt, iter),
					 &bbio->bio, iter);
	return errno_to_blk_status(ret);
}

/*
 * Check a block of a data read against its tag, which btrfs_lookup_bio_sums() has found.
 *
 * @bio_offset: where in the bio the block is, in bytes
 * @paddr:	where in memory it is
 *
 * Return: whether somebody with the key has written it there.
 */
bool btrfs_verify_block(const struct btrfs_bio *bbio, u32 bio_offset, phys_addr_t paddr)
{
	const u32 bits = bbio->inode->root->fs_info->sectorsize_bits;
	const struct fscrypt_extent_tag *tags = (const void *)bbio->csum;
	const u64 pos = btrfs_pos_in_extent(&bbio->crypt, &bbio->saved_iter) + bio_offset;

	return fscrypt_verify_extent_block(&bbio->inode->vfs_inode, &bbio->crypt.nonce,
					   pos >> bits, phys_to_page(paddr),
					   offset_in_page(paddr),
					   tags + (bio_offset >> bits)) == 0;
}
