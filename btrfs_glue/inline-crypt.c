// SPDX-License-Identifier: GPL-2.0-only
/*
 * Encryption of file contents by blk-crypto, with the mount option inlinecrypt.
 *
 * blk-crypto uses the device's inline encryption hardware or, without such, does
 * it just before bios are submitted.  In either case it is below all of btrfs, so
 * this is for bios that btrfs does nothing with on their way to the device.  All
 * others are encrypted and decrypted as without the option.  What is on disk is
 * the same.
 *
 * The key is set when the device is known, and put when its bio has ended: a
 * write to several devices, which there is while one is replaced by another, has
 * several keys.
 */

#include <linux/bio.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include "bio.h"
#include "btrfs_inode.h"
#include "fs.h"
#include "fscrypt.h"
#include "ordered-data.h"
#include "super.h"
#include "volumes.h"

struct file *btrfs_get_inline_crypt_device(struct super_block *sb)
{
	struct btrfs_fs_info *fs_info = btrfs_sb(sb);
	struct btrfs_fs_devices *fs_devices = fs_info->fs_devices;

	if (!btrfs_test_opt(fs_info, INLINECRYPT))
		return NULL;
	guard(mutex)(&fs_devices->device_list_mutex);
	return get_file(fs_devices->latest_dev->bdev_file);
}

/*
 * Whether blk-crypto is to encrypt or decrypt @bbio, which is not mapped yet.
 *
 * Checksums and parity must be those of ciphertext, and what a bad mirror is
 * repaired with must be ciphertext.  So there must be none of them, which is
 * known beforehand: the profile of a chunk doesn't change, unless another chunk
 * can take its place.  On zoned devices, bios are split after this.
 */
bool btrfs_can_inline_crypt(const struct btrfs_bio *bbio)
{
	struct btrfs_fs_info *fs_info = bbio->inode->root->fs_info;
	struct btrfs_chunk_map *map;
	bool ret;

	if (!btrfs_test_opt(fs_info, INLINECRYPT) ||
	    !(bbio->inode->flags & BTRFS_INODE_NODATASUM) ||
	    btrfs_fs_incompat(fs_info, REMAP_TREE) || btrfs_is_zoned(fs_info))
		return false;

	map = btrfs_find_chunk_map(fs_info, bbio->bio.bi_iter.bi_sector << SECTOR_SHIFT,
				   bbio->bio.bi_iter.bi_size);
	ret = map && !(map->type & BTRFS_BLOCK_GROUP_PROFILE_MASK & ~BTRFS_BLOCK_GROUP_RAID0);
	btrfs_free_chunk_map(map);
	return ret;
}

/*
 * Have blk-crypto encrypt or decrypt @bbio, which is about to be submitted to the
 * device that it has.
 *
 * Return: 0, or -errno, on which the bio must be failed
 */
int btrfs_set_inline_crypt(struct btrfs_bio *bbio)
{
	const bool is_read = bio_op(&bbio->bio) == REQ_OP_READ;
	const struct btrfs_extent_crypt *crypt = is_read ? &bbio->crypt : &bbio->ordered->crypt;
	const u64 logical = is_read ? bbio->saved_iter.bi_sector << SECTOR_SHIFT :
				      bbio->orig_logical;
	unsigned int nofs_flags;
	int key;

	if (WARN_ON_ONCE(!crypt->bytenr))
		return -EIO;

	nofs_flags = memalloc_nofs_save();
	key = fscrypt_set_inline_extent_crypt(&bbio->inode->vfs_inode, &crypt->nonce,
					      logical - crypt->bytenr, &bbio->bio);
	memalloc_nofs_restore(nofs_flags);
	if (key < 0)
		return key;
	bbio->inline_key = key;
	return 0;
}

/* End the use of the key of @bbio, which has ended.  Process context. */
void btrfs_put_inline_key(struct btrfs_bio *bbio)
{
	if (bbio->inline_key)
		fscrypt_put_inline_extent_key(&bbio->inode->vfs_inode, bbio->inline_key);
}
