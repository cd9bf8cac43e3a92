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
 * Each device has keys of its own, a bounded number.  One is set when the device is
 * known, and put when the bio has ended.  Nobody waits for one, as a device may need
 * any time for a bio, and another filesystem to be able to do it at all: a bio for
 * which none is idle is encrypted or decrypted as without the option.  So is a write
 * to two devices, which there is while one is replaced by another.
 */

#include <linux/bio.h>
#include <linux/file.h>
#include <linux/sched/mm.h>
#include "bio.h"
#include "btrfs_inode.h"
#include "fs.h"
#include "inline-crypt.h"
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
 * can take its place.  On zoned devices, bios are split after this, and with a
 * raid-stripe-tree it is too late then to encrypt a bio in another way.
 *
 * Tags are made of ciphertext, too, and verified before it is decrypted.
 *
 * blk-crypto-fallback submits by itself, so what btrfs's workers write would wait for
 * the cgroup that it is of, and they with it.
 *
 * Setting a key may wait for another one to be evicted, so direct I/O that mustn't wait
 * is left to workers.
 */
bool btrfs_can_inline_crypt(const struct btrfs_bio *bbio)
{
	struct btrfs_fs_info *fs_info = bbio->inode->root->fs_info;
	struct btrfs_chunk_map *map;
	bool ret;

	if (!btrfs_test_opt(fs_info, INLINECRYPT) || bbio->nowait ||
	    fscrypt_authenticates_contents(&bbio->inode->vfs_inode) ||
	    !(bbio->inode->flags & BTRFS_INODE_NODATASUM) ||
	    bbio->bio.bi_opf & REQ_BTRFS_CGROUP_PUNT ||
	    btrfs_fs_incompat(fs_info, REMAP_TREE) ||
	    btrfs_fs_incompat(fs_info, RAID_STRIPE_TREE) || btrfs_is_zoned(fs_info))
		return false;

	map = btrfs_find_chunk_map(fs_info, bbio->bio.bi_iter.bi_sector << SECTOR_SHIFT,
				   bbio->bio.bi_iter.bi_size);
	ret = map && !(map->type & BTRFS_BLOCK_GROUP_PROFILE_MASK & ~BTRFS_BLOCK_GROUP_RAID0);
	btrfs_free_chunk_map(map);
	return ret;
}

/*
 * Have blk-crypto encrypt or decrypt @bbio, which is going to be submitted to @dev.
 *
 * Return: whether it will.  If not, nothing has been changed.
 */
bool btrfs_set_inline_crypt(struct btrfs_bio *bbio, const struct btrfs_device *dev)
{
	const bool is_read = bio_op(&bbio->bio) == REQ_OP_READ;
	const struct btrfs_extent_crypt *crypt = is_read ? &bbio->crypt : &bbio->ordered->crypt;
	const struct fscrypt_extent_device *keys;
	unsigned int nofs_flags;
	int key;

	if (WARN_ON_ONCE(!crypt->bytenr))
		return false;

	/* Pairs with the release in btrfs_open_inline_keys(). */
	keys = smp_load_acquire(&dev->inline_keys);
	nofs_flags = memalloc_nofs_save();
	key = fscrypt_set_inline_extent_crypt(&bbio->inode->vfs_inode, keys, &crypt->nonce,
					      btrfs_pos_in_extent(crypt, &bbio->bio.bi_iter),
					      &bbio->bio);
	memalloc_nofs_restore(nofs_flags);
	if (key < 0)
		return false;
	bbio->inline_key = key;
	return true;
}

/* End the use of a key by @bbio, which was submitted to @dev.  Process context. */
void btrfs_put_inline_key(struct btrfs_bio *bbio, const struct btrfs_device *dev)
{
	if (bbio->inline_key)
		fscrypt_put_inline_extent_key(&bbio->inode->vfs_inode, dev->inline_keys,
					      bbio->inline_key);
}

/*
 * Make keys for blk-crypto on @device, which was just opened, if the filesystem is
 * mounted with inlinecrypt.  Where there are none, for want of memory or of the
 * engine, the engine's ciphers are used, once it is loaded.
 *
 * Sleeps.  device_list_mutex may be held, for which writing the superblocks waits, and
 * for that whoever frees memory.  So this must not wait for I/O.
 */
void btrfs_open_inline_keys(struct btrfs_fs_info *fs_info, struct btrfs_device *device)
{
	struct fscrypt_extent_device *keys;
	unsigned int noio_flags;

	if (!btrfs_test_opt(fs_info, INLINECRYPT) || !device->bdev || device->inline_keys)
		return;
	noio_flags = memalloc_noio_save();
	keys = fscrypt_open_extent_device(device->bdev);
	memalloc_noio_restore(noio_flags);
	if (IS_ERR_OR_NULL(keys))
		return;
	/* For btrfs_set_inline_crypt(), as another mount of it may be in use already. */
	smp_store_release(&device->inline_keys, keys);
}

/* The same for all devices, when the filesystem is mounted. */
void btrfs_open_all_inline_keys(struct btrfs_fs_info *fs_info)
{
	struct btrfs_fs_devices *fs_devices = fs_info->fs_devices;
	struct btrfs_fs_devices *seed_devices;
	struct btrfs_device *device;

	if (!btrfs_test_opt(fs_info, INLINECRYPT))
		return;
	guard(mutex)(&fs_devices->device_list_mutex);
	list_for_each_entry(device, &fs_devices->devices, dev_list)
		btrfs_open_inline_keys(fs_info, device);
	list_for_each_entry(seed_devices, &fs_devices->seed_list, seed_list)
		list_for_each_entry(device, &seed_devices->devices, dev_list)
			btrfs_open_inline_keys(fs_info, device);
}

/*
 * Have blk-crypto forget the keys of @device, to which no new bios are submitted.
 * Sleeps until those that are under way have ended.
 */
void btrfs_close_inline_keys(struct btrfs_device *device)
{
	fscrypt_close_extent_device(device->inline_keys);
	device->inline_keys = NULL;
}
